/** Targets each of whose drivers is altered. */
import { type TargetDriver, TargetDrivers, type TargetSettings } from '#targets/target.driver.js';
import { before } from '../driver-before.js';

export class AlteredTargets extends TargetDrivers {
  constructor(
    private readonly targets: TargetDrivers,
    private readonly methodsOf: (
      driver: TargetDriver,
      target: TargetSettings,
    ) => Partial<TargetDriver>,
  ) {
    super();
  }

  override open(target: TargetSettings): TargetDriver {
    const driver = this.targets.open(target);
    return before(driver, this.methodsOf(driver, target));
  }

  override check(target: TargetSettings): void {
    this.targets.check(target);
  }
}
