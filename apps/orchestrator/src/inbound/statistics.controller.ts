import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { StatisticsRunner } from '../statistics.runner.js';
import { CallerOf, insistOnTenant, type Caller } from './caller.js';
import { Documented } from './documented.js';
import { Moment, TenantId, Uuid } from './fields.js';
import { statisticsView, StatisticsView } from './statistics-views.js';
import { BASE_PATH } from './upgrade-views.js';

const StatisticsQuery = z.strictObject({
  tenantId: TenantId.optional().meta({ description: "Only this tenant's executions" }),
  since: Moment.optional().meta({ description: 'Only those created at or after this' }),
});

/** How upgrades of a component went. */
@ApiTags('Statistics')
@Controller(`${BASE_PATH}/components/:componentId/upgrade-statistics`)
export class StatisticsController {
  constructor(private readonly statistics: StatisticsRunner) {}

  @Get()
  @Documented({
    summary: 'Statistics over the executions of a component',
    description:
      'Of all tenants, unless `tenantId` or the header X-Tenant-Id names one: then of that ' +
      "tenant's executions alone.",
    answers: { 200: { description: 'Counts, rates and durations', schema: StatisticsView } },
    problems: [404],
  })
  async getUpgradeStatistics(
    @Param('componentId', { schema: Uuid }) componentId: string,
    @Query({ schema: StatisticsQuery }) query: z.output<typeof StatisticsQuery>,
    @CallerOf() caller: Caller,
  ): Promise<z.infer<typeof StatisticsView>> {
    const { tenantId = caller.tenantId, since: sinceMs = null } = query;
    if (tenantId !== null) insistOnTenant(caller, tenantId);
    const asked = { componentId, tenantId, sinceMs };
    return statisticsView(asked, await this.statistics.statistics(asked));
  }
}
