/** What was wrong, each once, with when it was first seen; and how often it was looked. */
export class Findings {
  readonly problems: string[] = [];
  /** How often each invariant was looked at, by its id. */
  readonly looks = new Map<string, number>();
  readonly #known = new Set<string>();

  /**
   * @param now where the run stands: the virtual time and the event
   * @param found told of each problem when it is first seen
   */
  constructor(
    private readonly now: () => string,
    private readonly found: (problem: string) => void,
  ) {}

  /** For the invariant of this id. */
  readonly mustOf =
    (id: string) =>
    (holds: boolean, otherwise: () => string): void => {
      this.looks.set(id, (this.looks.get(id) ?? 0) + 1);
      if (!holds) this.report(`${id}: ${otherwise()}`);
    };

  report(problem: string): void {
    if (this.#known.has(problem)) return;
    this.#known.add(problem);
    this.problems.push(`${problem} (first seen at ${this.now()})`);
    this.found(problem);
  }
}
