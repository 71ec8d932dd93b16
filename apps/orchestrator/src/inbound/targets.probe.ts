import type { Clock } from '#runtime/clock.js';
import type { SimulatedTargets } from '#targets/simulated-targets.js';
import { SimulatedFaults } from '#targets/simulated-faults.js';
import {
  type TargetDrivers,
  TargetSettingsError,
  TargetUnreachableError,
} from '#targets/target.driver.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import { invalidRequest, Refusal } from '../refusal.js';
import type { Target } from '../registry.js';
import type { TargetFacts } from '../create-upgrade.js';
import { TargetDesk, type Examination, type TargetView } from '../target-desk.js';
import { PreviewProbe } from './preview.probe.js';

/** Asks targets through their drivers; what drivers throw becomes what people are told. */
export class TargetsProbe extends TargetDesk {
  constructor(
    private readonly drivers: TargetDrivers,
    private readonly simulated: Pick<SimulatedTargets, 'declare' | 'setFaults'>,
    private readonly clock: Clock,
  ) {
    super();
  }

  override check(target: Target): void {
    try {
      this.drivers.check(target);
    } catch (error) {
      throw asRefusal(error);
    }
  }

  override async ask(target: Target): Promise<TargetFacts> {
    try {
      return await this.#inTime(async (signal) => {
        const driver = this.drivers.open(target);
        const [{ listed, down }, { sets }] = await Promise.all([
          driver.room([], signal),
          driver.capabilities(signal),
        ]);
        return { listed, down, sets };
      });
    } catch (error) {
      throw asRefusal(error);
    }
  }

  override async look(target: Target, checks: readonly Examination[]): Promise<TargetView> {
    try {
      return await new PreviewProbe(this.drivers.open(target), this.clock).look(checks);
    } catch (error) {
      throw asRefusal(error);
    }
  }

  override async declare(target: Target): Promise<void> {
    if (target.driver !== 'simulated') return;
    await this.simulated.declare(target.settings).catch((error: unknown) => {
      throw asRefusal(error);
    });
  }

  override async setFaults(target: Target, faults: readonly unknown[]): Promise<void> {
    const known = SimulatedFaults.parse(faults);
    await this.simulated.setFaults(target.settings, known).catch((error: unknown) => {
      throw asRefusal(error);
    });
  }

  /** A driver that does not heed its signal must not hold up whoever asked. */
  async #inTime<Answer>(ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const ms = REQUEST_LIMITS.countTimeoutMs;
    const limit = new AbortController();
    const answered = new AbortController();
    const over = this.clock.sleep(ms, answered.signal).then(() => {
      limit.abort();
      throw new TargetUnreachableError(`no answer within ${String(ms)} ms`);
    });
    try {
      return await Promise.race([ask(limit.signal), over]);
    } finally {
      // The loser's rejection is nobody's any more.
      over.catch(() => undefined);
      answered.abort();
    }
  }
}

function asRefusal(error: unknown): unknown {
  if (error instanceof TargetSettingsError) {
    const named = error.problems.map(({ field, expected }) => {
      return { field: `target.${field}`, expected };
    });
    return invalidRequest(named);
  }
  if (error instanceof TargetUnreachableError) {
    // What the driver says may hold addresses: it is for the log, not for whoever asked.
    const title = 'The target cannot be reached, or does not answer in time';
    return new Refusal('TARGET_UNREACHABLE', 503, title, {}, { 'retry-after': '5' });
  }
  return error;
}
