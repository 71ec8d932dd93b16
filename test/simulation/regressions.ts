/**
 * Seeds that once found something. A seed draws the same run only as long as nothing is drawn
 * otherwise, so beside each stands the test that shows what it found by itself.
 */
export interface Regression {
  readonly seed: number;
  readonly found: string;
  /** Where it is shown without any chance. */
  readonly shownBy: string;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 920,
    found: 'the timer of an upgrade let the set go that its revert had kept, and nobody retired it',
    shownBy: 'test/scenarios/a-kept-set-goes-when-its-time-is-over.scenario.spec.ts',
  },
  {
    seed: 419,
    found: 'a fleet stood on a version that its last execution knew nothing of, and kept another',
    shownBy: 'apps/orchestrator/src/tidying.runner.unit.spec.ts',
  },
  {
    seed: 12_958,
    found: 'a target that forgot every switch was handed it again a hundred times a second',
    shownBy: 'libs/targets/src/set-step.unit.spec.ts',
  },
  {
    seed: 2_684,
    found: 'a rollback agent that another had taken over from asked on, fifty times a second',
    shownBy: 'apps/rollback-agent/src/inbound/rollback-drive.unit.spec.ts',
  },
  {
    seed: 5_171,
    found: 'a replica that was overtaken asked its target on between reports that were refused',
    shownBy: 'libs/postgres/src/owned-work.unit.spec.ts',
  },
  {
    seed: 5_936,
    found:
      'a set that a rollback had left could not be retired: the target took it for the agent’s',
    shownBy: 'libs/upgrade-core/src/execution/blue-green-ends.rules.unit.spec.ts',
  },
];
