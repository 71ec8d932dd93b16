/** Somebody answers for those who wait: without him nothing that waits would ever end. */

/** What is read of an execution. */
export interface Shown {
  readonly id: string;
  readonly status: string;
  readonly stopping: unknown;
  readonly autoPromote?: boolean;
  readonly waitingFor: { readonly kind: string } | null;
  readonly canary: { readonly verdict: string | null; readonly durationOver: boolean } | null;
}

/** A canary whose samples say nothing for so long is promoted all the same. */
const VERDICT_PATIENCE_MS = 12_000;
/** Nobody frees the room that others take up. */
const ROOM_PATIENCE_MS = 8_000;

/**
 * The action he asks for; null: it goes on by itself.
 *
 * @param waitedMs how long it has stood like this
 */
export function answerTo(shown: Shown, waitedMs: number): string | null {
  if (shown.stopping !== null) return null;
  if (shown.status === 'CANARY_MONITORING') return promotion(shown, waitedMs);
  switch (shown.waitingFor?.kind) {
    case 'START':
      return 'start';
    case 'RESUME':
      return 'resume';
    case 'APPROVAL':
      return 'approve';
    case 'ROOM':
      return waitedMs > ROOM_PATIENCE_MS ? 'cancel' : null;
    default:
      return null;
  }
}

function promotion({ canary, autoPromote = false }: Shown, waitedMs: number): string | null {
  const verdict = canary?.verdict ?? null;
  if (verdict === 'UNHEALTHY') return 'rollback';
  if (autoPromote && canary?.durationOver !== true) return null;
  if (verdict === 'HEALTHY') return autoPromote ? null : 'promote-canary';
  return waitedMs > VERDICT_PATIENCE_MS ? 'promote-canary' : null;
}
