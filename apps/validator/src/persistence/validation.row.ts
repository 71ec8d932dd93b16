import type { Validation } from '#core/validation/validation.js';

/** A row of `validations`, without what was asked. */
export interface ValidationRow {
  execution_id: string;
  hand_over: number;
  kind: Validation['kind'];
  state: Validation['state'];
  command_id: string;
  pages: number;
  pages_stored: number[];
  said: number;
  /** bigint: comes as text. */
  last_said_at: string;
  checks: Validation['checks'];
  /** bigint: comes as text. */
  ran_ms: string;
}

export const VALIDATION_COLUMNS =
  'execution_id, hand_over, kind, state, command_id, pages, pages_stored, said, last_said_at, checks, ran_ms';

export function validationOf(row: ValidationRow): Validation {
  return {
    executionId: row.execution_id,
    kind: row.kind,
    handOver: row.hand_over,
    commandId: row.command_id,
    pages: row.pages,
    pagesStored: row.pages_stored,
    state: row.state,
    checks: row.checks,
    said: row.said,
    lastSaidAtMs: Number(row.last_said_at),
    ranMs: Number(row.ran_ms),
  };
}
