import { z } from 'zod';
import {
  AGENT_LIMITS,
  BACKUPS_MAX,
  LIST_PAGE_MAX,
  OPERATIONS_PER_CALL_MAX,
  POLL_WAIT_MAX_MS,
  ROOM_EXCEPT_MAX,
  SET_SIZE_MAX,
} from './target-limits.js';

/**
 * The HTTP contract of the `agent` driver: what anything must answer that wants to stand behind it.
 * Requests are strict, so that a mistake is noticed; answers may carry more than is known here.
 * `apps/fleet-agent/openapi.json` is made from these schemas.
 */

const id = z.string().min(1).max(AGENT_LIMITS.idMaxChars);
const operationId = id.describe('The same id is begun once, whoever submits it.');
const version = z.string().min(1).max(AGENT_LIMITS.versionMaxChars);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const slug = z
  .string()
  .max(AGENT_LIMITS.nameMaxChars)
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and hyphens');

/** Names a fleet: all that one deployment runs at an agent. */
export const FleetName = slug;
/** Names one of a fleet's sets of instances. Traffic goes to exactly one of them, the live one. */
export const SetName = slug;

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
    set: SetName.optional().describe('Left out: the live one, or with `ids` any.'),
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
    noData: z
      .boolean()
      .optional()
      .describe('Nothing could be found out: not healthy, and not known to be unwell.'),
    fence: FenceMessage.optional().describe('The highest that has operated it; left out: none.'),
  })
  .meta({ id: 'Instance' });

export const ListAnswer = z
  .object({
    instances: z
      .array(Instance)
      .max(LIST_PAGE_MAX)
      .describe('Ordered by id, each once, over all pages of a listing; with `ids` in any order.'),
    nextCursor: id
      .nullable()
      .describe('Null: the last page. A page that is not has an instance, unless of down ones.'),
  })
  .meta({ id: 'ListAnswer' });

export const RoomRequest = z
  .strictObject({
    except: z.array(id).max(ROOM_EXCEPT_MAX).describe('Instances the caller counts itself.'),
  })
  .meta({ id: 'RoomRequest' });

export const RoomAnswer = z
  .object({
    listed: count,
    down: count,
    spare: count.describe('How many instances could run beside all there are.'),
  })
  .meta({ id: 'RoomAnswer' });

const OperationRequest = z
  .strictObject({
    id: operationId,
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

const SetMessage = z
  .object({ name: SetName, live: z.boolean(), listed: count.describe('Running or not.') })
  .meta({ id: 'Set' });

export const SetsAnswer = z
  .object({ sets: z.array(SetMessage).max(AGENT_LIMITS.setsMax).describe('Ordered by name.') })
  .meta({ id: 'SetsAnswer' });

export const SetOperationRequest = z
  .discriminatedUnion('verb', [
    z
      .strictObject({
        id: operationId,
        verb: z.literal('createSet'),
        set: SetName,
        size: z.number().int().min(1).max(SET_SIZE_MAX),
      })
      .describe(
        'Makes places, with ids that sort in their order, in which nothing runs until each is ' +
          'brought. A set that is there is adopted, and filled up.',
      ),
    z
      .strictObject({ id: operationId, verb: z.literal('switch'), set: SetName })
      .describe(
        'All new requests go to the set from one moment on; what is under way in the other ends ' +
          'there. Live already: SUCCEEDED. Unknown, or without a healthy instance that was ' +
          'readmitted: FAILED.',
      ),
    z
      .strictObject({
        id: operationId,
        verb: z.literal('retireSet'),
        set: SetName,
        drainTimeoutMs: z.number().int().min(0).max(AGENT_LIMITS.drainTimeoutMaxMs).optional(),
      })
      .describe(
        'What is under way ends, or is closed after `drainTimeoutMs`; then everything of the set ' +
          'goes. Unknown: SUCCEEDED. The live one: FAILED. A fence lower than the highest seen for ' +
          'one of its instances is refused.',
      ),
    z
      .strictObject({
        id: operationId,
        verb: z.literal('weigh'),
        version: version.optional(),
        percentage: z.number().min(1).max(100).nullable(),
      })
      .refine(({ percentage, ...share }) => percentage === null || share.version !== undefined, {
        path: ['version'],
        message: 'expected with a percentage',
      })
      .describe(
        'Admitted instances of `version` in the live set together get `percentage` of its ' +
          'requests, all others the rest; null: by the number of instances again.',
      ),
  ])
  .meta({ id: 'SetOperation' });

export const SetSubmitRequest = z
  .strictObject({ fence: FenceMessage, operation: SetOperationRequest })
  .meta({ id: 'SetSubmitRequest' });

export const SetPollRequest = z
  .strictObject({
    id,
    waitMs: z.number().int().min(0).max(POLL_WAIT_MAX_MS).describe('Wait so long for its end.'),
  })
  .meta({ id: 'SetPollRequest' });

export const SetOperationAnswer = z
  .object({ operation: OperationAnswer })
  .meta({ id: 'SetOperationAnswer' });

/** One backup of what the instances keep. */
export const BackupMessage = z
  .object({
    id,
    takenAt: z.iso.datetime({ offset: true }).max(AGENT_LIMITS.timeMaxChars),
    verified: z.boolean().describe('Somebody has restored it, or checked it in another way.'),
  })
  .meta({ id: 'Backup' });

export const BackupsAnswer = z
  .object({ backups: z.array(BackupMessage).max(BACKUPS_MAX).describe('The latest first.') })
  .meta({ id: 'BackupsAnswer' });

export const MetricRequest = z
  .strictObject({
    query: z.string().min(1).max(AGENT_LIMITS.metricMaxChars),
    ids: z.array(id).max(LIST_PAGE_MAX).describe('The instances it is taken over.'),
  })
  .meta({ id: 'MetricRequest' });

export const MetricAnswer = z
  .object({ value: z.number().nullable().describe('Null: no data, or no such metric.') })
  .meta({ id: 'MetricAnswer' });

export const AddressRequest = z
  .strictObject({ set: SetName.nullable().describe('Null: the live one.') })
  .meta({ id: 'AddressRequest' });

export const AddressAnswer = z
  .object({
    url: z
      .url({ protocol: /^https?$/ })
      .max(AGENT_LIMITS.urlMaxChars)
      .nullable()
      .describe('Where exactly the instances of this set answer requests; null: it answers none.'),
  })
  .meta({ id: 'AddressAnswer' });

export type OperationRequest = z.infer<typeof OperationRequest>;
export type SubmitRequest = z.infer<typeof SubmitRequest>;
export type PollRequest = z.infer<typeof PollRequest>;
export type ListRequest = z.infer<typeof ListRequest>;
export type RoomRequest = z.infer<typeof RoomRequest>;
export type SetOperationRequest = z.infer<typeof SetOperationRequest>;
export type SetSubmitRequest = z.infer<typeof SetSubmitRequest>;
export type SetPollRequest = z.infer<typeof SetPollRequest>;
export type MetricRequest = z.infer<typeof MetricRequest>;
export type AddressRequest = z.infer<typeof AddressRequest>;
export type BackupMessage = z.infer<typeof BackupMessage>;

/** The contract's calls below `/v1/fleets/{fleet}`. */
export const AGENT_CALLS = {
  capabilities: {
    method: 'GET',
    path: 'capabilities',
    summary: 'What this fleet can do.',
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
    summary: 'Counts of the live set, taken now. Down: not both admitted and healthy.',
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
  sets: {
    method: 'GET',
    path: 'sets',
    summary: 'All sets of the fleet: at least the live one.',
    request: null,
    answer: SetsAnswer,
  },
  submitSet: {
    method: 'POST',
    path: 'sets/operations',
    summary:
      'Hands over an operation on a set; answers as soon as it is accepted. One highest fence ' +
      'counts for all of them, by the same rules as for an instance; a retireSet supersedes what ' +
      "runs on the set's instances too. What the fleet cannot do at all: FAILED.",
    request: SetSubmitRequest,
    answer: SetOperationAnswer,
  },
  pollSet: {
    method: 'POST',
    path: 'sets/operations/poll',
    summary: 'How an operation on a set stands; waits for its end.',
    request: SetPollRequest,
    answer: SetOperationAnswer,
  },
  backups: {
    method: 'GET',
    path: 'backups',
    summary: 'The backups there are of what the instances keep. None where none are kept.',
    request: null,
    answer: BackupsAnswer,
  },
  metric: {
    method: 'POST',
    path: 'metric',
    summary: "One value over the named instances, of one of the fleet's own metrics.",
    request: MetricRequest,
    answer: MetricAnswer,
  },
  address: {
    method: 'POST',
    path: 'address',
    summary: 'Where a set answers requests, live or not.',
    request: AddressRequest,
    answer: AddressAnswer,
  },
} as const;

export type AgentCall = keyof typeof AGENT_CALLS;

/** Where the calls of a fleet stand, without the leading slash. */
export function pathOfFleet(fleet: string): string {
  return `v1/fleets/${encodeURIComponent(fleet)}`;
}
