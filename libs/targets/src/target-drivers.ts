import { TargetDrivers, TargetSettingsError } from './target.driver.js';
import type { TargetDriver, TargetSettings } from './target.driver.js';

/** The drivers there are. `kubernetes` and `helm` come later (spec §8). */
export const DRIVER_NAMES = ['agent', 'simulated'] as const;
export type DriverName = (typeof DRIVER_NAMES)[number];

/** Opens the targets of one driver. Both throw TargetSettingsError. */
export interface DriverFactory {
  check(settings: Readonly<Record<string, unknown>>): void;
  open(settings: Readonly<Record<string, unknown>>): TargetDriver;
}

/** All drivers of a service by their names; exhaustive, so a new name needs its factory. */
export class RegisteredDrivers extends TargetDrivers {
  readonly #factories: Readonly<Record<DriverName, DriverFactory>>;

  constructor(factories: Readonly<Record<DriverName, DriverFactory>>) {
    super();
    this.#factories = factories;
  }

  override open(target: TargetSettings): TargetDriver {
    return this.#factoryOf(target.driver).open(target.settings);
  }

  override check(target: TargetSettings): void {
    this.#factoryOf(target.driver).check(target.settings);
  }

  #factoryOf(driver: string): DriverFactory {
    const name = DRIVER_NAMES.find((known) => known === driver);
    if (name === undefined) {
      const expected = `one of ${DRIVER_NAMES.join(', ')}`;
      throw new TargetSettingsError([{ field: 'driver', expected }]);
    }
    return this.#factories[name];
  }
}
