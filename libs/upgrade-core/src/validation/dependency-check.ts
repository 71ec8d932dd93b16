/**
 * DEPENDENCY_CHECK: what the target version requires, held against what the request says is
 * installed (spec §6). What else is known of the tenant (its other deployments, its platform, the
 * way between the versions) was judged at create and is VERSION_COMPATIBILITY's evidence.
 */
import { coerceVersion } from '../compatibility/semver.js';
import { parseRange, satisfies } from '../compatibility/semver-range.js';
import { clipEvidence, firstOf, judged, type Judgement } from './judgement.js';

export interface DependencyQuestion {
  /** Component → semver range. */
  readonly requires: Readonly<Record<string, string>>;
  /** Component → version as people write it. */
  readonly installedComponents: Readonly<Record<string, string>>;
}

export function judgeDependencies(question: DependencyQuestion): Judgement {
  const required = Object.entries(question.requires);
  if (required.length === 0) {
    return judged('PASSED', 'the version requires no other component', { required: 0 });
  }
  const problems = required.flatMap(([name, range]) => {
    const problem = problemWith(name, range, question.installedComponents);
    return problem === null ? [] : [problem];
  });
  const evidence = {
    required: required.length,
    notMet: problems.length,
    problems: firstOf(problems),
    held: firstOf(required.map(([name, range]) => `${name} ${range}`)),
  };
  if (problems.length > 0) return judged('FAILED', problems.join('; '), evidence);
  const summary = `all ${String(required.length)} required components are installed in range`;
  return judged('PASSED', summary, evidence);
}

function problemWith(
  name: string,
  rangeText: string,
  installed: DependencyQuestion['installedComponents'],
): string | null {
  const wanted = `${name} ${rangeText}`;
  // Names come from requests: `constructor` must not find what every object inherits.
  const version = Object.hasOwn(installed, name) ? installed[name] : undefined;
  if (version === undefined) {
    return `${wanted} is required, and installedComponents does not name ${name}`;
  }
  const claimed = clipEvidence(version);
  const parsed = coerceVersion(version);
  if (parsed === null) return `${wanted} is required, and "${claimed}" cannot be read as a version`;
  const range = parseRange(rangeText);
  if (range === null) return `${wanted} is required, and that cannot be read as a range`;
  return satisfies(parsed, range) ? null : `${wanted} is required, ${claimed} is installed`;
}
