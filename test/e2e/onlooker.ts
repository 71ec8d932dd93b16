/** Somebody who looks at a fleet from outside while something is done to it. */
import type { RoomSeen, RoomWatch } from '../../tools/demo/room-watch.js';

/**
 * Looks again and again, and besides at each step that it is told of: so a fleet is seen in the
 * middle of all that is done to it, however slowly a busy machine answers.
 */
export class Onlooker implements RoomWatch {
  readonly #always: RoomWatch;
  readonly #atSteps: Promise<RoomSeen>[] = [];
  #isOver = false;

  /** @param watch begins to look; stopped at once, it has looked once */
  constructor(private readonly watch: () => RoomWatch) {
    this.#always = watch();
  }

  readonly atStep = (): void => {
    if (!this.#isOver) this.#atSteps.push(this.watch().stop());
  };

  async stop(): Promise<RoomSeen> {
    this.#isOver = true;
    const all = await Promise.all([this.#always.stop(), ...this.#atSteps]);
    const [worst] = all.toSorted((a, b) => b.mostDown - a.mostDown);
    return {
      looks: all.reduce((sum, { looks }) => sum + looks, 0),
      mostDown: worst?.mostDown ?? 0,
      who: worst?.who ?? [],
      fewest: Math.min(...all.map(({ fewest }) => fewest)),
    };
  }
}
