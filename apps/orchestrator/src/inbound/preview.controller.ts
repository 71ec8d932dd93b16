import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { UpgradePreviewRunner } from '../upgrade-preview.runner.js';
import { CallerOf, insistOnTenant, type Caller } from './caller.js';
import { Documented } from './documented.js';
import { TenantId } from './fields.js';
import { Keyless } from './held-keys.js';
import { previewView, PreviewView } from './preview-views.js';
import { UpgradeRequest } from './upgrade-requests.js';
import { BASE_PATH } from './upgrade-views.js';

/** Shows upgrades before there are any. */
@ApiTags('Upgrades')
@Controller(`${BASE_PATH}/tenants/:tenantId/upgrades/preview`)
export class PreviewController {
  constructor(private readonly previews: UpgradePreviewRunner) {}

  @Post()
  @HttpCode(200)
  @Keyless()
  @Documented({
    method: 'POST',
    storesNothing: true,
    summary: 'Preview an upgrade',
    description:
      'What it would do if it were created and started now: its batches in their order, the room ' +
      'at each of them, how many serve, how long it is expected to take, and how the checks before ' +
      'it come out. Nothing is stored. What cannot be done is previewed as well, with its blockers.',
    answers: { 200: { description: 'The preview', schema: PreviewView } },
    problems: [404, 422],
  })
  async previewUpgrade(
    @Param('tenantId', { schema: TenantId }) tenantId: string,
    @Body({ schema: UpgradeRequest }) request: z.output<typeof UpgradeRequest>,
    @CallerOf() caller: Caller,
  ): Promise<z.infer<typeof PreviewView>> {
    insistOnTenant(caller, tenantId);
    return previewView(await this.previews.preview({ tenantId, by: caller.actor, request }));
  }
}
