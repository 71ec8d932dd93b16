/** Figures of rounds: medians with their bounds, and which rounds count. */

export interface Round {
  /** How long a fixed piece of work took beside it, ms: tells whether the machine held still. */
  readonly controlMs: number;
  /** Transitions per second, by arm. */
  readonly rates: Readonly<Record<string, number>>;
}

/** A round whose control moved by more than this from the median does not count. */
const CONTROL_MOVE_MAX = 0.25;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function steadyRounds(rounds: readonly Round[]): Round[] {
  const usual = median(rounds.map(({ controlMs }) => controlMs));
  return rounds.filter(({ controlMs }) => Math.abs(controlMs / usual - 1) <= CONTROL_MOVE_MAX);
}

/** Ours against another arm, round by round: `0.42 (0.40–0.45)`. */
export function ratioOf(rounds: readonly Round[], arm: string, against: string): string {
  const ratios = rounds.map(({ rates }) => (rates[arm] ?? 0) / (rates[against] ?? Number.NaN));
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `${median(ratios).toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`;
}

export function rateOf(rounds: readonly Round[], arm: string): string {
  const rates = rounds.map(({ rates }) => rates[arm] ?? 0);
  const whole = (rate: number): string => Math.round(rate).toLocaleString('en');
  return `${whole(median(rates))}/s (${whole(Math.min(...rates))}–${whole(Math.max(...rates))})`;
}
