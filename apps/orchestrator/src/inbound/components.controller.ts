import { Body, Controller, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { HttpReply } from './http-reply.js';
import type { z } from 'zod';
import { RegistryRunner } from '../registry.runner.js';
import type { VersionDetails } from '../registry.js';
import { Documented } from './documented.js';
import { Uuid } from './fields.js';
import { NewId } from './held-keys.js';
import { newestAfter, shownPage } from './paging.js';
import {
  ComponentRequest,
  ListQuery,
  VersionChange,
  VersionRequest,
  VersionsQuery,
} from './registry-requests.js';
import {
  ComponentPage,
  componentView,
  ComponentView,
  VersionPage,
  versionView,
  VersionView,
} from './registry-views.js';
import { BASE_PATH } from './upgrade-views.js';

/** Components and their versions. */
@ApiTags('Registry')
@Controller(BASE_PATH)
export class ComponentsController {
  constructor(private readonly registry: RegistryRunner) {}

  @Post('components')
  @HttpCode(201)
  @Documented({
    isShared: true,
    method: 'POST',
    summary: 'Register a component',
    answers: { 201: { description: 'Registered', schema: ComponentView } },
    problems: [409, 422],
  })
  async registerComponent(
    @Body({ schema: ComponentRequest }) body: z.output<typeof ComponentRequest>,
    @NewId() id: string,
    @Res({ passthrough: true }) reply: HttpReply,
  ): Promise<z.infer<typeof ComponentView>> {
    const component = await this.registry.addComponent({ id, ...body });
    void reply.header('location', `${BASE_PATH}/components/${component.id}`);
    return componentView(component);
  }

  @Get('components')
  @Documented({
    isShared: true,
    summary: 'Components, the newest first',
    answers: { 200: { description: 'A page', schema: ComponentPage } },
  })
  async listComponents(
    @Query({ schema: ListQuery }) { limit, cursor }: z.output<typeof ListQuery>,
  ): Promise<z.infer<typeof ComponentPage>> {
    const after = newestAfter(cursor);
    const rows = await this.registry.components({ after, limit: limit + 1 });
    return shownPage(rows, limit, componentView, ({ createdAtMs, id }) => [createdAtMs, id]);
  }

  @Get('components/:id')
  @Documented({
    isShared: true,
    summary: 'A component',
    answers: { 200: { description: 'The component', schema: ComponentView } },
    problems: [404],
  })
  async getComponent(
    @Param('id', { schema: Uuid }) id: string,
  ): Promise<z.infer<typeof ComponentView>> {
    return componentView(await this.registry.component(id));
  }

  @Post('components/:id/versions')
  @HttpCode(201)
  @Documented({
    isShared: true,
    method: 'POST',
    summary: 'Register a version of a component',
    answers: { 201: { description: 'Registered', schema: VersionView } },
    problems: [404, 409, 422],
  })
  async registerVersion(
    @Param('id', { schema: Uuid }) componentId: string,
    @Body({ schema: VersionRequest }) body: z.output<typeof VersionRequest>,
    @NewId() id: string,
    @Res({ passthrough: true }) reply: HttpReply,
  ): Promise<z.infer<typeof VersionView>> {
    const version = await this.registry.addVersion({ id, componentId, ...body });
    void reply.header('location', `${BASE_PATH}/components/${componentId}/versions/${version.id}`);
    return versionView(version);
  }

  @Get('components/:id/versions')
  @Documented({
    isShared: true,
    summary: 'Versions of a component, the newest registered first',
    answers: { 200: { description: 'A page', schema: VersionPage } },
    problems: [404],
  })
  async listVersions(
    @Param('id', { schema: Uuid }) componentId: string,
    @Query({ schema: VersionsQuery }) query: z.output<typeof VersionsQuery>,
  ): Promise<z.infer<typeof VersionPage>> {
    const { limit, cursor, status = null } = query;
    const page = { after: newestAfter(cursor), limit: limit + 1 };
    const rows = await this.registry.versions(componentId, status, page);
    return shownPage(rows, limit, versionView, ({ createdAtMs, id }) => [createdAtMs, id]);
  }

  @Get('components/:id/versions/:versionId')
  @Documented({
    isShared: true,
    summary: 'A version',
    answers: { 200: { description: 'The version', schema: VersionView } },
    problems: [404],
  })
  async getVersion(
    @Param('id', { schema: Uuid }) componentId: string,
    @Param('versionId', { schema: Uuid }) versionId: string,
  ): Promise<z.infer<typeof VersionView>> {
    return versionView(await this.registry.version(componentId, versionId));
  }

  @Patch('components/:id/versions/:versionId')
  @Documented({
    isShared: true,
    method: 'PATCH',
    summary: 'Change a version',
    description: 'What is left out stays. Executions keep what they were created with.',
    answers: { 200: { description: 'As it is now', schema: VersionView } },
    problems: [404],
  })
  async changeVersion(
    @Param('id', { schema: Uuid }) componentId: string,
    @Param('versionId', { schema: Uuid }) versionId: string,
    @Body({ schema: VersionChange }) change: z.output<typeof VersionChange>,
  ): Promise<z.infer<typeof VersionView>> {
    // JSON has no undefined: a field is there or it is not.
    const present = change as Partial<VersionDetails>;
    return versionView(await this.registry.changeVersion(componentId, versionId, present));
  }
}
