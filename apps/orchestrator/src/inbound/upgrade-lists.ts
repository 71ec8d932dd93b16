/** What lists of upgrades may be asked for (spec §2). */
import { z } from 'zod';
import { EXECUTION_STATUSES, STRATEGY_NAMES } from '#core/execution/execution.js';
import type { ListFilter } from '../upgrade-reads.runner.js';
import { Moment, TenantId, Uuid } from './fields.js';
import { newestAfter, pageFields, statusFilter } from './paging.js';

export const UpgradesQuery = z.strictObject({
  ...pageFields,
  status: statusFilter(EXECUTION_STATUSES),
  componentId: Uuid.optional(),
  strategy: z
    .enum(STRATEGY_NAMES)
    .optional()
    .meta({ examples: ['CANARY'] }),
  kind: z
    .enum(['UPGRADE', 'REVERT'])
    .optional()
    .meta({ examples: ['UPGRADE'] }),
  active: z
    .enum(['true', 'false'])
    .meta({ examples: ['true'] })
    .transform((text) => text === 'true')
    .optional()
    .meta({ description: 'Whether it has not ended yet' }),
  createdAfter: Moment.optional().meta({ description: 'Created after this moment' }),
  createdBefore: Moment.optional().meta({ description: 'Created before this moment' }),
});

export const AllUpgradesQuery = UpgradesQuery.extend({ tenantId: TenantId.optional() });

/** The page that a query asks for, and one more, which tells whether there are more. */
export function filterOf(
  query: z.output<typeof UpgradesQuery>,
  tenantId: string | null,
): ListFilter {
  return {
    tenantId,
    componentId: query.componentId ?? null,
    statuses: query.status ?? null,
    strategy: query.strategy ?? null,
    kind: query.kind ?? null,
    active: query.active ?? null,
    createdAfterMs: query.createdAfter ?? null,
    createdBeforeMs: query.createdBefore ?? null,
    after: newestAfter(query.cursor),
    limit: query.limit + 1,
  };
}
