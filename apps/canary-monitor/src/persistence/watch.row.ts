import type { CanaryWatch } from '#core/canary/canary-watch.js';

/** A row of `watches`, without what was asked. bigint comes as text. */
export interface WatchRow {
  execution_id: string;
  hand_over: number;
  state: CanaryWatch['state'];
  command_id: string;
  pages: number;
  pages_stored: number[];
  began_at: string;
  duration_ms: string;
  interval_ms: number;
  asked_at: string;
  last_number: number;
  totals: CanaryWatch['totals'];
  streak: CanaryWatch['streak'];
  verdict: CanaryWatch['verdict'];
  reason: string;
  duration_over: boolean;
  samples: CanaryWatch['samples'];
  untold: number;
  said: number;
  last_said_at: string;
}

/** Columns of a watch beside its key. */
export const WATCH_COLUMNS = [
  ...['state', 'command_id', 'pages', 'pages_stored', 'began_at', 'duration_ms', 'interval_ms'],
  ...['asked_at', 'last_number', 'totals', 'streak', 'verdict', 'reason', 'duration_over'],
  ...['samples', 'untold', 'said', 'last_said_at'],
] as const;

export function watchOf(row: WatchRow): CanaryWatch {
  return {
    executionId: row.execution_id,
    handOver: row.hand_over,
    commandId: row.command_id,
    pages: row.pages,
    pagesStored: row.pages_stored,
    state: row.state,
    beganAtMs: Number(row.began_at),
    durationMs: Number(row.duration_ms),
    intervalMs: row.interval_ms,
    askedAtMs: Number(row.asked_at),
    lastNumber: row.last_number,
    totals: row.totals,
    streak: row.streak,
    verdict: row.verdict,
    reason: row.reason,
    durationOver: row.duration_over,
    samples: row.samples,
    untold: row.untold,
    said: row.said,
    lastSaidAtMs: Number(row.last_said_at),
  };
}

/** The key, then the values of `WATCH_COLUMNS` in their order. */
export function valuesOf(watch: CanaryWatch): unknown[] {
  const { state, commandId, pages, pagesStored, beganAtMs, durationMs, intervalMs } = watch;
  const { askedAtMs, lastNumber, totals, streak, verdict, reason, durationOver } = watch;
  const { samples, untold, said, lastSaidAtMs } = watch;
  return [
    ...[watch.executionId, watch.handOver],
    ...[state, commandId, pages, pagesStored, beganAtMs, durationMs, intervalMs],
    ...[askedAtMs, lastNumber, JSON.stringify(totals)],
    ...[streak === null ? null : JSON.stringify(streak), verdict, reason, durationOver],
    ...[JSON.stringify(samples), untold, said, lastSaidAtMs],
  ];
}
