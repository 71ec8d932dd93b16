/** What was wrong, each once, with when it was first seen; and how often it was looked. */
export class Findings {
  readonly problems: string[] = [];
  readonly #counters: { readonly id: string; times: number }[] = [];
  readonly #known = new Set<string>();

  /**
   * @param now where the run stands: the virtual time and the event
   * @param found told of each problem when it is first seen
   */
  constructor(
    private readonly now: () => string,
    private readonly found: (problem: string) => void,
  ) {}

  /** How often each invariant was looked at, by its id. */
  get looks(): ReadonlyMap<string, number> {
    const looks = new Map<string, number>();
    for (const { id, times } of this.#counters) looks.set(id, (looks.get(id) ?? 0) + times);
    return looks;
  }

  /** For a watch of the invariant of this id. */
  mustOf(id: string): (holds: boolean, otherwise: () => string) => void {
    const counter = { id, times: 0 };
    this.#counters.push(counter);
    return (holds, otherwise) => {
      counter.times += 1;
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
