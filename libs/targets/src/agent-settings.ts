import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { FleetName } from './agent-contract.js';
import { AGENT_LIMITS } from './target-limits.js';
import { TargetUnreachableError } from './target.driver.js';

/** Where a secret stands; never the secret itself. */
export const SecretReference = z.union([
  z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected a variable name') }),
  z.strictObject({ file: z.string().min(1).max(1_000) }),
]);
export type SecretReference = z.infer<typeof SecretReference>;

/** The settings of the `agent` driver in a deployment's target. */
export const AgentSettings = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
      .max(AGENT_LIMITS.urlMaxChars)
      .refine((text) => isPlain(text), 'expected no user, password, query or fragment')
      .describe('Where the agent answers'),
    component: FleetName.describe('The fleet at the agent'),
    tokenFrom: SecretReference.optional().describe(
      'Where the bearer token stands: {env: NAME} or {file: PATH}',
    ),
  })
  .meta({ id: 'AgentTargetSettings' });
export type AgentSettings = z.infer<typeof AgentSettings>;

function isPlain(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return username === '' && password === '' && search === '' && hash === '';
}

/**
 * Reads a secret at the moment it is needed, so that one that was replaced is used at once.
 * @throws TargetUnreachableError that names the reference, never what stands there
 */
export async function readSecret(
  reference: SecretReference,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const secret = 'env' in reference ? env[reference.env] : await readSecretFile(reference.file);
  const trimmed = secret?.trim() ?? '';
  const where = 'env' in reference ? `variable ${reference.env}` : `file ${reference.file}`;
  // Anything else would be a second header, or a token cut in two.
  if (!/^[\x21-\x7e]+$/.test(trimmed) || trimmed.length > AGENT_LIMITS.tokenMaxChars) {
    throw new TargetUnreachableError(`there is no usable token in ${where}`);
  }
  return trimmed;
}

async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    // A device or a pipe would never end.
    if (!(await stat(path)).isFile()) return undefined;
    return (await readFile(path, 'utf8')).slice(0, AGENT_LIMITS.tokenMaxChars + 2);
  } catch {
    return undefined;
  }
}
