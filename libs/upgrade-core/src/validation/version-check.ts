/** VERSION_COMPATIBILITY: what was found at create, as evidence. */
import { firstOf, judged, type Judgement } from './judgement.js';

/** What was found when the versions were judged at create. */
export interface Compatibility {
  readonly valid: boolean;
  readonly upgradeType: string;
  readonly riskLevel: string;
  readonly requiresDowntime: boolean;
  readonly blockers: readonly string[];
  readonly warnings: readonly string[];
}

export function judgeCompatibility(found: Compatibility): Judgement {
  const { valid, upgradeType, riskLevel, requiresDowntime } = found;
  const blockers = firstOf(found.blockers);
  const warnings = firstOf(found.warnings);
  const evidence = { valid, upgradeType, riskLevel, requiresDowntime, blockers, warnings };
  if (blockers.length > 0) return judged('FAILED', blockers.join('; '), evidence);
  if (!valid) return judged('FAILED', 'the versions were judged incompatible', evidence);
  if (warnings.length > 0) return judged('WARNING', warnings.join('; '), evidence);
  return judged('PASSED', `${upgradeType} upgrade of ${riskLevel} risk is compatible`, evidence);
}
