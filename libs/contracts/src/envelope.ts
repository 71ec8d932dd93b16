/**
 * The envelope of every message: CloudEvents 1.0, structured JSON. `type` ends in the version of
 * the schema of `data`.
 */
import { z } from 'zod';

export const SOURCES = {
  orchestrator: '/upgrade-orchestrator/orchestrator',
  validator: '/upgrade-orchestrator/validator',
  canaryMonitor: '/upgrade-orchestrator/canary-monitor',
  rollbackAgent: '/upgrade-orchestrator/rollback-agent',
} as const;

/** A CloudEvents envelope around `data`; unknown attributes are allowed, as the standard asks. */
export function envelopeOf<Type extends string, Schema extends z.ZodType>(
  type: Type,
  data: Schema,
) {
  return z.looseObject({
    specversion: z.literal('1.0'),
    id: z.string().min(1).max(300),
    source: z.string().min(1).max(200),
    type: z.literal(type),
    subject: z.string().max(200).optional(),
    time: z.iso.datetime(),
    datacontenttype: z.literal('application/json'),
    data,
  });
}

/** An alias and no interface: only so does it fit the loose objects that the schemas accept. */
export type Envelope<Type extends string, Data> = {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: Type;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Data;
};

/** Wraps `data`; `subject` is the execution's id, `timeMs` milliseconds since the epoch. */
export function envelope<Type extends string, Data>(
  head: { id: string; source: string; type: Type; subject: string; timeMs: number },
  data: Data,
): Envelope<Type, Data> {
  return {
    specversion: '1.0',
    id: head.id,
    source: head.source,
    type: head.type,
    subject: head.subject,
    time: new Date(head.timeMs).toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}
