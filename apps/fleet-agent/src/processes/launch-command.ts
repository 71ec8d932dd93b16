import { isAbsolute, normalize, sep } from 'node:path';
import { z } from 'zod';
import { PROCESS_LIMITS } from '../fleet-agent-limits.js';

/** What is run for one version, as its artifacts say. */
export interface LaunchCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Variables beside PORT and INSTANCE_ID. */
  readonly env: Readonly<Record<string, string>>;
}

/** The artifacts cannot be run; the message says what is wrong with which. */
export class UnusableArtifactsError extends Error {
  override readonly name = 'UnusableArtifactsError';
}

const Arguments = z.array(z.string().max(4_000)).max(PROCESS_LIMITS.argumentsMax);
const OWN_VARIABLES = new Set(['PORT', 'INSTANCE_ID', 'PATH', 'NODE_OPTIONS', 'LD_PRELOAD']);

/**
 * Reads a command from a version's artifacts:
 * `command` what to run, one of those the agent allows; `entry` a file below the agent's work
 * folder, its first argument; `argv` further arguments as a JSON array of strings; `env.NAME` a
 * variable.
 * @throws UnusableArtifactsError
 */
export function commandOf(
  artifacts: Readonly<Record<string, string>>,
  allowedCommands: readonly string[],
): LaunchCommand {
  const { command = 'node', entry, argv } = artifacts;
  if (!allowedCommands.includes(command)) {
    throw new UnusableArtifactsError(`command: expected one of ${allowedCommands.join(', ')}`);
  }
  const args = [...(entry === undefined ? [] : [entryBelow(entry)]), ...argumentsOf(argv)];
  if (args.length === 0) throw new UnusableArtifactsError('entry: expected a file to run');
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(artifacts)) {
    if (!name.startsWith('env.')) continue;
    const variable = name.slice('env.'.length);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable) || OWN_VARIABLES.has(variable)) {
      throw new UnusableArtifactsError(`${name}: this variable cannot be set`);
    }
    env[variable] = value;
  }
  return { command, args, env };
}

/** A file outside the work folder would run anything that lies on the machine. */
function entryBelow(entry: string): string {
  const path = normalize(entry);
  if (isAbsolute(path) || path.split(sep)[0] === '..' || path.startsWith('-')) {
    throw new UnusableArtifactsError('entry: expected a path below the work folder');
  }
  return path;
}

function argumentsOf(argv: string | undefined): string[] {
  if (argv === undefined) return [];
  try {
    return Arguments.parse(JSON.parse(argv));
  } catch {
    throw new UnusableArtifactsError('argv: expected a JSON array of strings');
  }
}
