import { z } from 'zod';
import {
  AGENT_LIMITS,
  LIST_PAGE_MAX,
  OPERATIONS_PER_CALL_MAX,
  POLL_WAIT_MAX_MS,
  ROOM_EXCEPT_MAX,
} from './target-limits.js';

/**
 * The HTTP contract of the `agent` driver: what anything must answer that wants to stand behind it.
 * Requests are strict, so that a mistake is noticed; answers may carry more than is known here.
 * `apps/fleet-agent/openapi.json` is made from these schemas.
 */

const id = z.string().min(1).max(AGENT_LIMITS.idMaxChars);
const version = z.string().min(1).max(AGENT_LIMITS.versionMaxChars);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Names a set of instances: in our own agent a fleet. */
export const SetName = z
  .string()
  .max(AGENT_LIMITS.setNameMaxChars)
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and hyphens');

export const FenceMessage = z
  .strictObject({ handOver: count, epoch: count })
  .meta({ id: 'Fence', description: 'Who operates; compared by handOver, then epoch.' });

export const Artifacts = z
  .record(
    z.string().min(1).max(AGENT_LIMITS.artifactNameMaxChars),
    z.string().max(AGENT_LIMITS.artifactValueMaxChars),
  )
  .refine((map) => Object.keys(map).length <= AGENT_LIMITS.artifactsMax, 'too many artifacts')
  .meta({ id: 'Artifacts', description: 'What is needed to run one version.' });

export const CapabilitiesAnswer = z
  .object({ sets: z.boolean(), weights: z.boolean(), backups: z.boolean(), metrics: z.boolean() })
  .meta({ id: 'Capabilities' });

export const ListRequest = z
  .strictObject({
    ids: z.array(id).max(LIST_PAGE_MAX).optional(),
    downOnly: z.boolean().optional(),
    cursor: id.optional(),
    limit: z.number().int().min(1).max(LIST_PAGE_MAX),
  })
  .meta({ id: 'ListRequest' });

const Instance = z
  .object({
    id,
    version: version.nullable().describe('What the instance itself reports; null: no answer.'),
    admitted: z.boolean().describe('New requests are routed to it.'),
    healthy: z.boolean(),
    problem: z.string().max(AGENT_LIMITS.reasonMaxChars).nullable(),
  })
  .meta({ id: 'Instance' });

export const ListAnswer = z
  .object({
    instances: z.array(Instance).max(LIST_PAGE_MAX).describe('Ordered by id.'),
    nextCursor: id.nullable(),
  })
  .meta({ id: 'ListAnswer' });

export const RoomRequest = z
  .strictObject({
    except: z.array(id).max(ROOM_EXCEPT_MAX).describe('Instances the caller counts itself.'),
  })
  .meta({ id: 'RoomRequest' });

export const RoomAnswer = z
  .object({ listed: count, down: count, spare: count })
  .meta({ id: 'RoomAnswer' });

const OperationRequest = z
  .strictObject({
    id: id.describe('The same id is begun once, whoever submits it.'),
    instanceId: id,
    verb: z.enum(['drain', 'bring', 'readmit']),
    drainTimeoutMs: z.number().int().min(0).max(AGENT_LIMITS.drainTimeoutMaxMs).optional(),
    version: version.optional().describe('Of a bring: the version to reach.'),
  })
  .refine((operation) => operation.verb !== 'bring' || operation.version !== undefined, {
    path: ['version'],
    message: 'expected with a bring',
  })
  .meta({ id: 'Operation' });

export const SubmitRequest = z
  .strictObject({
    fence: FenceMessage,
    releases: z
      .record(version, Artifacts)
      .describe('The artifacts of every version that is to be brought, once each.'),
    operations: z.array(OperationRequest).min(1).max(OPERATIONS_PER_CALL_MAX),
  })
  .meta({ id: 'SubmitRequest' });

export const PollRequest = z
  .strictObject({
    operations: z
      .array(z.strictObject({ id, instanceId: id }))
      .min(1)
      .max(OPERATIONS_PER_CALL_MAX),
    waitMs: z
      .number()
      .int()
      .min(0)
      .max(POLL_WAIT_MAX_MS)
      .describe('Wait so long for the first of them to end.'),
  })
  .meta({ id: 'PollRequest' });

const reason = z.string().max(AGENT_LIMITS.reasonMaxChars);

const OperationAnswer = z
  .discriminatedUnion('state', [
    z.object({ id, state: z.literal('RUNNING') }),
    z.object({ id, state: z.literal('SUCCEEDED'), closedConnections: count.optional() }),
    z.object({ id, state: z.literal('FAILED'), reason, vanished: z.boolean().optional() }),
    z.object({ id, state: z.literal('REFUSED'), fence: FenceMessage }),
    z.object({ id, state: z.literal('UNKNOWN') }),
  ])
  .meta({ id: 'OperationState' });

/** One state for each operation that was asked about, in order. */
export const OperationsAnswer = z
  .object({ operations: z.array(OperationAnswer).max(OPERATIONS_PER_CALL_MAX) })
  .meta({ id: 'OperationsAnswer' });

export type OperationRequest = z.infer<typeof OperationRequest>;
export type SubmitRequest = z.infer<typeof SubmitRequest>;
export type PollRequest = z.infer<typeof PollRequest>;
export type ListRequest = z.infer<typeof ListRequest>;
export type RoomRequest = z.infer<typeof RoomRequest>;

/** The contract's calls below `/v1/sets/{set}`. */
export const AGENT_CALLS = {
  capabilities: {
    method: 'GET',
    path: 'capabilities',
    summary: 'What this set can do.',
    request: null,
    answer: CapabilitiesAnswer,
  },
  list: {
    method: 'POST',
    path: 'list',
    summary: 'Instances as they are now, ordered by id, in pages. Ids that are gone are left out.',
    request: ListRequest,
    answer: ListAnswer,
  },
  room: {
    method: 'POST',
    path: 'room',
    summary: 'Counts, taken now. Down: not both admitted and healthy.',
    request: RoomRequest,
    answer: RoomAnswer,
  },
  submit: {
    method: 'POST',
    path: 'operations',
    summary:
      'Hands over operations; answers as soon as they are accepted. A fence lower than the highest ' +
      'seen for an instance is refused; the same id under a higher one is adopted, not begun ' +
      'again; another id under the same or a higher one supersedes what runs. Fences and outcomes ' +
      "survive the agent's restart.",
    request: SubmitRequest,
    answer: OperationsAnswer,
  },
  poll: {
    method: 'POST',
    path: 'operations/poll',
    summary: 'How operations stand; waits for the first of them to end.',
    request: PollRequest,
    answer: OperationsAnswer,
  },
} as const;

export type AgentCall = keyof typeof AGENT_CALLS;

/** Where the calls of a set stand, without the leading slash. */
export function pathOfSet(set: string): string {
  return `v1/sets/${encodeURIComponent(set)}`;
}
