/** Targets that are looked at whenever they are asked for something: below every network. */
import { isWell, settle } from '#targets/simulated-instance.js';
import type { Selection } from '#targets/simulated-fleet.store.js';
import {
  type ListPage,
  type ListQuery,
  type TargetDriver,
  TargetDrivers,
  type TargetSettings,
} from '#targets/target.driver.js';
import { before } from './driver-before.js';
import type { FleetTruth } from './fleet-truth.js';
import type { SeenSubmit, Watch } from './invariants/invariant.js';
import type { ServiceName } from './simulated-process.js';
import type { Upgrade } from './upgrades.js';

export interface Watching {
  readonly service: ServiceName;
  readonly owner: string;
  readonly truth: FleetTruth;
  readonly watches: Required<Pick<Watch, 'submitting' | 'submitted' | 'looked'>>;
  /** An upgrade of the fleet; undefined: it is not one of the simulated ones. */
  readonly ofFleet: (fleet: string) => Upgrade | undefined;
}

/** A target keeps one fence for all its sets. */
const ITS_SETS = 'sets';

export class WatchedTargets extends TargetDrivers {
  constructor(
    private readonly targets: TargetDrivers,
    private readonly watching: Watching,
  ) {
    super();
  }

  override open(target: TargetSettings): TargetDriver {
    const driver = this.targets.open(target);
    const fleet = String(target.settings['fleet']);
    const { service, owner, watches } = this.watching;
    const submit = async <T>(
      asked: Omit<SeenSubmit, 'states' | 'service' | 'owner' | 'fleet'>,
      hand: () => Promise<T>,
      statesOf: (answer: T) => SeenSubmit['states'],
    ): Promise<T> => {
      const submitting = { ...asked, service, owner, fleet };
      const isOfInstances = asked.operations[0]?.instanceId !== ITS_SETS;
      const lookAgain = isOfInstances ? await watches.submitting(submitting) : null;
      const answer = await hand();
      watches.submitted({ ...submitting, states: statesOf(answer) });
      await lookAgain?.();
      return answer;
    };
    return before(driver, {
      submit: (operations, fence, signal) =>
        submit(
          { operations, fence },
          () => driver.submit(operations, fence, signal),
          (states) => states,
        ),
      submitSet: (operation, fence, signal) =>
        submit(
          { operations: [{ id: operation.id, instanceId: ITS_SETS }], fence },
          () => driver.submitSet(operation, fence, signal),
          (state) => [state],
        ),
      list: async (query, signal) => {
        const page = await driver.list(query, signal);
        await this.#looked(fleet, query, page);
        return page;
      },
      sets: async (signal) => {
        const sets = await driver.sets(signal);
        const upgrade = this.watching.ofFleet(fleet);
        if (upgrade === undefined) return sets;
        const { live: liveSet } = (await this.watching.truth.realSets(upgrade)).sets;
        watches.looked({ service, fleet, well: [], liveSet });
        return sets;
      },
    });
  }

  override check(target: TargetSettings): void {
    this.targets.check(target);
  }

  /** How those really were that an answer speaks of, when it was given. */
  async #looked(fleet: string, { ids: asked }: ListQuery, page: ListPage): Promise<void> {
    const { service, truth, watches, ofFleet } = this.watching;
    const upgrade = ofFleet(fleet);
    const ids = asked ?? page.instances.map(({ id }) => id);
    if (upgrade === undefined || ids.length === 0) return;
    const which: Selection = { kind: 'IDS', ids };
    const well = await truth.work(upgrade, which, ({ rows, nowMs, faults }, homeVersion) => {
      const settled = rows.flatMap((row) => (row === undefined ? [] : [settle(row, nowMs)]));
      return settled.filter((row) => isWell(row, { faults, homeVersion }));
    });
    watches.looked({ service, fleet, well, liveSet: null });
  }
}
