/** What was wrong, each once, with when it was first seen; and how often it was looked. */
import type { Invariant } from './invariant.js';

export class Findings {
  readonly problems: string[] = [];
  readonly #looks = new Map<string, number>();
  readonly #known = new Set<string>();

  /**
   * @param now where the run stands: the virtual time and the event
   * @param found told of each problem when it is first seen
   */
  constructor(
    private readonly now: () => string,
    private readonly found: (problem: string) => void,
  ) {}

  /** How often each invariant was looked at, by what it says. */
  get looks(): ReadonlyMap<string, number> {
    return this.#looks;
  }

  /** For a watch of this invariant. */
  mustOf({
    id,
    says,
  }: Pick<Invariant, 'id' | 'says'>): (holds: boolean, otherwise: () => string) => void {
    let times = 0;
    return (holds, otherwise) => {
      times += 1;
      this.#looks.set(says, times);
      if (!holds) this.report(`${id}: ${otherwise()}`);
    };
  }

  report(problem: string): void {
    if (this.#known.has(problem)) return;
    this.#known.add(problem);
    this.problems.push(`${problem} (first seen at ${this.now()})`);
    this.found(problem);
  }
}
