import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { HttpReply } from './http-reply.js';
import type { z } from 'zod';
import { UpgradeCreationRunner } from '../upgrade-creation.runner.js';
import { UpgradeReadsRunner } from '../upgrade-reads.runner.js';
import { CallerOf, insistOnTenant, type Caller } from './caller.js';
import { Documented } from './documented.js';
import { TenantId, Uuid } from './fields.js';
import { NewId } from './held-keys.js';
import { positionAfter, shownPage } from './paging.js';
import { AllUpgradesQuery, filterOf, UpgradesQuery } from './upgrade-lists.js';
import { InstancesQuery, UpgradeRequest } from './upgrade-requests.js';
import {
  BASE_PATH,
  etagOf,
  InstancePage,
  instanceView,
  linkOf,
  UpgradePage,
  upgradeView,
  UpgradeView,
} from './upgrade-views.js';

interface UpgradesAnswer {
  items: Record<string, unknown>[];
  nextCursor: string | null;
}

/** Creates upgrades and shows them. */
@ApiTags('Upgrades')
@Controller(BASE_PATH)
export class UpgradesController {
  constructor(
    private readonly creation: UpgradeCreationRunner,
    private readonly reads: UpgradeReadsRunner,
  ) {}

  @Post('tenants/:tenantId/upgrades')
  @HttpCode(201)
  @Documented({
    method: 'POST',
    isRecorded: true,
    summary: 'Create an upgrade',
    description: 'It is PENDING until it is started. What cannot be done is refused with reasons.',
    answers: {
      201: { description: 'Created; Location names it', schema: UpgradeView, hasEtag: true },
    },
    problems: [404, 409, 422],
  })
  async createUpgrade(
    @Param('tenantId', { schema: TenantId }) tenantId: string,
    @Body({ schema: UpgradeRequest }) request: z.output<typeof UpgradeRequest>,
    @CallerOf() caller: Caller,
    @NewId() id: string,
    @Res({ passthrough: true }) reply: HttpReply,
  ): Promise<Record<string, unknown>> {
    insistOnTenant(caller, tenantId);
    const stored = await this.creation.create({
      ...{ id, tenantId, by: caller.actor, request },
      revertOf: null,
    });
    const shown = await this.reads.shown(stored);
    void reply.headers({ location: linkOf(id), etag: etagOf(shown) });
    return upgradeView(shown);
  }

  @Get('tenants/:tenantId/upgrades')
  @Documented({
    summary: "A tenant's upgrades, the newest first",
    answers: { 200: { description: 'A page', schema: UpgradePage } },
    problems: [404],
  })
  listTenantUpgrades(
    @Param('tenantId', { schema: TenantId }) tenantId: string,
    @Query({ schema: UpgradesQuery }) query: z.output<typeof UpgradesQuery>,
    @CallerOf() caller: Caller,
  ): Promise<UpgradesAnswer> {
    insistOnTenant(caller, tenantId);
    return this.#page(query, tenantId);
  }

  @Get('upgrades')
  @Documented({
    summary: 'Upgrades of all tenants, the newest first',
    description:
      'With X-Tenant-Id only those of that tenant. `active=true` leaves what has not ended.',
    answers: { 200: { description: 'A page', schema: UpgradePage } },
    problems: [404],
  })
  listUpgrades(
    @Query({ schema: AllUpgradesQuery }) query: z.output<typeof AllUpgradesQuery>,
    @CallerOf() caller: Caller,
  ): Promise<UpgradesAnswer> {
    const { tenantId = caller.tenantId } = query;
    if (tenantId !== null) insistOnTenant(caller, tenantId);
    return this.#page(query, tenantId);
  }

  @Get('tenants/:tenantId/components/:componentId/upgrades/active')
  @Documented({
    summary: 'The active upgrade of a component at a tenant',
    answers: { 200: { description: 'The upgrade', schema: UpgradeView, hasEtag: true } },
    problems: [404],
  })
  async getActiveUpgrade(
    @Param('tenantId', { schema: TenantId }) tenantId: string,
    @Param('componentId', { schema: Uuid }) componentId: string,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): Promise<Record<string, unknown>> {
    insistOnTenant(caller, tenantId);
    const shown = await this.reads.active(tenantId, componentId);
    void reply.header('etag', etagOf(shown));
    return upgradeView(shown);
  }

  @Get('upgrades/:id')
  @Documented({
    summary: 'An upgrade',
    answers: {
      200: { description: 'The upgrade; ETag is its revision', schema: UpgradeView, hasEtag: true },
    },
    problems: [404],
  })
  async getUpgrade(
    @Param('id', { schema: Uuid }) id: string,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): Promise<Record<string, unknown>> {
    const shown = await this.reads.get(id, caller.tenantId);
    void reply.header('etag', etagOf(shown));
    return upgradeView(shown);
  }

  @Get('upgrades/:id/instances')
  @Documented({
    summary: 'Instances an upgrade takes, in the order of their ids',
    answers: { 200: { description: 'A page', schema: InstancePage } },
    problems: [404],
  })
  async listUpgradeInstances(
    @Param('id', { schema: Uuid }) id: string,
    @Query({ schema: InstancesQuery }) query: z.output<typeof InstancesQuery>,
    @CallerOf() caller: Caller,
  ): Promise<z.infer<typeof InstancePage>> {
    const { limit, cursor, status: statuses = null } = query;
    const filter = { statuses, afterIndex: positionAfter(cursor, -1), limit: limit + 1 };
    const rows = await this.reads.instances(id, caller.tenantId, filter);
    return shownPage(rows, limit, instanceView, ({ index }) => [index]);
  }

  async #page(
    query: z.output<typeof UpgradesQuery>,
    tenantId: string | null,
  ): Promise<UpgradesAnswer> {
    const rows = await this.reads.list(filterOf(query, tenantId));
    return shownPage(rows, query.limit, upgradeView, ({ stored: { execution } }) => {
      return [execution.createdAtMs, execution.id];
    });
  }
}
