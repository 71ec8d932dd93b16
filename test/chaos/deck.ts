/** In which order kinds of blows come when nobody has planned them. */
import type { SeededRandom } from '#testing/seeded-random.js';
import { BLOW_KINDS, shuffled, type BlowKind } from './blows.js';

/** Each kind at least once. */
const CARDS: readonly BlowKind[] = [
  ...BLOW_KINDS,
  ...(['KILL', 'KILL', 'KILL', 'TERM', 'FREEZE', 'FREEZE', 'TARGET_FAULTS'] as const),
];

export class Deck {
  #left: BlowKind[] = [];

  constructor(private readonly random: SeededRandom) {}

  /**
   * The next one that can be struck now. What cannot keeps its place, and nothing is dealt anew before
   * it was struck: so no kind is left out of a run that lasts.
   *
   * @param drawn the blow of a kind; undefined: it has no turn now
   */
  deal<Blow>(drawn: (kind: BlowKind) => Blow | undefined): Blow | undefined {
    if (this.#left.length === 0) this.#left = shuffled(this.random, CARDS);
    for (const [at, kind] of this.#left.entries()) {
      const blow = drawn(kind);
      if (blow === undefined) continue;
      this.#left.splice(at, 1);
      return blow;
    }
    return undefined;
  }
}
