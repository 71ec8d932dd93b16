import { Body, Controller, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { HttpReply } from './http-reply.js';
import type { z } from 'zod';
import { RegistryRunner } from '../registry.runner.js';
import { CallerOf, insistOnTenant, type Caller } from './caller.js';
import { Documented } from './documented.js';
import { NewId } from './held-keys.js';
import { newestAfter, shownPage } from './paging.js';
import { PathsQuery, UpgradePathRequest, ValidateQuery } from './registry-requests.js';
import {
  pathView,
  UpgradePathPage,
  UpgradePathView,
  validationView,
  ValidationView,
} from './registry-views.js';
import { BASE_PATH } from './upgrade-views.js';

/** Paths between versions, and the question whether one leads somewhere. */
@ApiTags('Registry')
@Controller(`${BASE_PATH}/upgrade-paths`)
export class UpgradePathsController {
  constructor(private readonly registry: RegistryRunner) {}

  @Post()
  @HttpCode(201)
  @Documented({
    isShared: true,
    method: 'POST',
    summary: 'Register an upgrade path',
    description: 'Patch and adjacent minor upgrades need none; a skipped minor or a major does.',
    answers: { 201: { description: 'Registered', schema: UpgradePathView } },
    problems: [409, 422],
  })
  async registerUpgradePath(
    @Body({ schema: UpgradePathRequest }) body: z.output<typeof UpgradePathRequest>,
    @NewId() id: string,
    @Res({ passthrough: true }) reply: HttpReply,
  ): Promise<z.infer<typeof UpgradePathView>> {
    const path = await this.registry.addPath({ id, ...body });
    void reply.header('location', `${BASE_PATH}/upgrade-paths?componentId=${path.componentId}`);
    return pathView(path);
  }

  @Get()
  @Documented({
    isShared: true,
    summary: 'Upgrade paths, the newest first',
    answers: { 200: { description: 'A page', schema: UpgradePathPage } },
  })
  async listUpgradePaths(
    @Query({ schema: PathsQuery }) query: z.output<typeof PathsQuery>,
  ): Promise<z.infer<typeof UpgradePathPage>> {
    const { limit, cursor, componentId = null } = query;
    const page = { after: newestAfter(cursor), limit: limit + 1 };
    const rows = await this.registry.paths(componentId, page);
    return shownPage(rows, limit, pathView, ({ createdAtMs, id }) => [createdAtMs, id]);
  }

  @Get('validate')
  @Documented({
    summary: 'Whether, and how, one version can become another',
    description:
      'With a tenant also by its platform version and its other deployments. It may answer ' +
      'several steps; an execution takes exactly one.',
    answers: { 200: { description: 'The judgement', schema: ValidationView } },
    problems: [404],
  })
  async validateUpgradePath(
    @Query({ schema: ValidateQuery }) query: z.output<typeof ValidateQuery>,
    @CallerOf() caller: Caller,
  ): Promise<z.infer<typeof ValidationView>> {
    const { tenantId = null, ...versions } = query;
    if (tenantId !== null) insistOnTenant(caller, tenantId);
    return validationView(await this.registry.validatePath({ ...versions, tenantId }));
  }
}
