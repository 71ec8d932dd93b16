import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '#testing/seeded-random.js';
import { BLOW_KINDS, type BlowKind } from './blows.js';
import { Deck } from './deck.js';

describe('the deck that blows are dealt from', () => {
  it('deals every kind before it is dealt anew', () => {
    const deck = new Deck(new SeededRandom(3));
    const dealt = Array.from({ length: 23 }, () => deck.deal((kind) => kind));
    expect(new Set(dealt)).toEqual(new Set(BLOW_KINDS));
  });

  it('keeps what has no turn, deals others meanwhile, and none of them anew before it', () => {
    const deck = new Deck(new SeededRandom(3));
    const unlessAll = (kind: BlowKind): BlowKind | undefined =>
      kind === 'KILL_ALL' ? undefined : kind;
    const dealt = Array.from({ length: 40 }, () => deck.deal(unlessAll));
    expect(dealt.filter((kind) => kind !== undefined)).toHaveLength(22);
    expect(deck.deal((kind) => kind)).toBe('KILL_ALL');
    expect(deck.deal(unlessAll)).toBeDefined();
  });
});
