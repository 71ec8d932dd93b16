import { Body, Controller, Get, Param, Put, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { HttpReply } from './http-reply.js';
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { RegistryRunner } from '../registry.runner.js';
import { CallerOf, insistOnTenant, type Caller } from './caller.js';
import { Documented } from './documented.js';
import { TenantId, Uuid } from './fields.js';
import { DeploymentRequest, FaultsRequest } from './registry-requests.js';
import { deploymentView, DeploymentView } from './registry-views.js';
import { BASE_PATH } from './upgrade-views.js';

/** Which version of a component a tenant runs, and where. */
@ApiTags('Registry')
@Controller(`${BASE_PATH}/tenants/:tenantId/deployments/:componentId`)
export class DeploymentsController {
  constructor(private readonly registry: RegistryRunner) {}

  @Put()
  @Documented({
    method: 'PUT',
    summary: 'Say what a tenant runs of a component, and where',
    description:
      'For the driver `simulated` the settings `fleet` and `version` are filled in when left out, ' +
      'and the rehearsed fleet is set up anew.',
    answers: {
      200: { description: 'Replaced', schema: DeploymentView },
      201: { description: 'Created', schema: DeploymentView },
    },
    problems: [404, 409, 422],
  })
  async putDeployment(
    @Param('tenantId', { schema: TenantId }) tenantId: string,
    @Param('componentId', { schema: Uuid }) componentId: string,
    @Body({ schema: DeploymentRequest }) body: z.output<typeof DeploymentRequest>,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): Promise<z.infer<typeof DeploymentView>> {
    insistOnTenant(caller, tenantId);
    const asked = { id: randomUUID(), tenantId, componentId, ...body };
    const { deployment, created } = await this.registry.putDeployment(asked);
    if (created) {
      const path = `${BASE_PATH}/tenants/${tenantId}/deployments/${componentId}`;
      void reply.status(201).header('location', path);
    }
    return deploymentView(deployment);
  }

  @Get()
  @Documented({
    summary: 'A deployment',
    answers: { 200: { description: 'The deployment', schema: DeploymentView } },
    problems: [404],
  })
  async getDeployment(
    @Param('tenantId', { schema: TenantId }) tenantId: string,
    @Param('componentId', { schema: Uuid }) componentId: string,
    @CallerOf() caller: Caller,
  ): Promise<z.infer<typeof DeploymentView>> {
    insistOnTenant(caller, tenantId);
    return deploymentView(await this.registry.deployment(tenantId, componentId));
  }

  @Put('faults')
  @Documented({
    method: 'PUT',
    summary: 'Replace the faults of a simulated target',
    description: 'Also while an execution runs, so that a fault can come and go.',
    answers: { 200: { description: 'The deployment', schema: DeploymentView } },
    problems: [404, 422],
  })
  async putDeploymentFaults(
    @Param('tenantId', { schema: TenantId }) tenantId: string,
    @Param('componentId', { schema: Uuid }) componentId: string,
    @Body({ schema: FaultsRequest }) body: z.output<typeof FaultsRequest>,
    @CallerOf() caller: Caller,
  ): Promise<z.infer<typeof DeploymentView>> {
    insistOnTenant(caller, tenantId);
    return deploymentView(await this.registry.putFaults(tenantId, componentId, body.faults));
  }
}
