/**
 * BACKUP_VERIFICATION: a component with state has a backup that is younger than 24 h and that
 * somebody has verified (spec §6).
 */
import { VALIDATION_LIMITS } from '../limits.js';
import { clipEvidence, judged, type Judgement } from './judgement.js';

/** A backup as the target knows it; `takenAtMs` since 1970, by the target's clock. */
export interface SeenBackup {
  readonly id: string;
  readonly takenAtMs: number;
  readonly verified: boolean;
}

export interface SeenBackups {
  /** False: the target keeps none, whatever it lists. */
  readonly keepsBackups: boolean;
  readonly backups: readonly SeenBackup[];
  /** When the target was asked, ms since 1970. */
  readonly seenAtMs: number;
}

export function judgeStateless(): Judgement {
  const summary = 'the component is stateless: there is nothing to back up';
  return judged('PASSED', summary, { stateless: true });
}

export function judgeBackups({ keepsBackups, backups, seenAtMs }: SeenBackups): Judgement {
  if (!keepsBackups) {
    const summary =
      'the target keeps no backups, and a component with state needs one: register it as ' +
      'stateless if it has none, or skip BACKUP_VERIFICATION with a reason';
    return judged('FAILED', summary, { keepsBackups });
  }
  // The latest first, whatever order the target chose.
  const latestFirst = [...backups].sort((a, b) => b.takenAtMs - a.takenAtMs);
  const [latest] = latestFirst;
  const latestVerified = latestFirst.find(({ verified }) => verified);
  const fit = latestFirst.find((backup) => backup.verified && isYoung(backup, seenAtMs));
  const shown = (backup: SeenBackup | undefined) =>
    backup === undefined
      ? null
      : { ...backup, id: clipEvidence(backup.id), ageMs: seenAtMs - backup.takenAtMs };
  const evidence = {
    ...{ keepsBackups, backups: backups.length, maxAgeMs: VALIDATION_LIMITS.backupMaxAgeMs },
    ...{ latest: shown(latest), latestVerified: shown(latestVerified) },
  };
  if (fit !== undefined) {
    return judged('PASSED', `${described(fit, seenAtMs)}, and was verified`, evidence);
  }
  if (latest === undefined) return judged('FAILED', 'the target has no backup', evidence);
  const verified = latest.verified ? 'was verified' : 'was not verified';
  const other =
    latestVerified === undefined || latestVerified === latest
      ? ''
      : `; the latest that was verified: ${described(latestVerified, seenAtMs)}`;
  const summary = `no backup is both verified and younger than 24 h; the latest: ${described(latest, seenAtMs)}, and ${verified}${other}`;
  return judged('FAILED', summary, evidence);
}

/** One from the future was dated by another clock: nobody knows how old it is. */
function isYoung({ takenAtMs }: SeenBackup, seenAtMs: number): boolean {
  const ageMs = seenAtMs - takenAtMs;
  return ageMs < VALIDATION_LIMITS.backupMaxAgeMs && ageMs >= -VALIDATION_LIMITS.backupSkewMaxMs;
}

function described({ id, takenAtMs }: SeenBackup, seenAtMs: number): string {
  const ageHours = (seenAtMs - takenAtMs) / 3_600_000;
  const when =
    ageHours >= 0 ? `${ageHours.toFixed(1)} h ago` : `${(-ageHours).toFixed(1)} h in the future`;
  return `${clipEvidence(id)} was taken ${when}`;
}
