import { Body, Controller, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { HttpReply } from './http-reply.js';
import type { z } from 'zod';
import type { ActionType } from '#core/execution/execution-inputs.js';
import { UpgradeReadsRunner } from '../upgrade-reads.runner.js';
import { UpgradeReversalRunner } from '../upgrade-reversal.runner.js';
import { UpgradeRunner } from '../upgrade.runner.js';
import { CallerOf, type Caller } from './caller.js';
import { Documented, type ProblemStatus } from './documented.js';
import { Uuid } from './fields.js';
import { CreatorOf, type Creator } from './held-keys.js';
import { ActionRequest, NoQuery, RollbackQuery } from './upgrade-requests.js';
import { BASE_PATH, etagOf, linkOf, upgradeView, UpgradeView } from './upgrade-views.js';

type ActionBody = z.output<typeof ActionRequest>;
type View = Promise<Record<string, unknown>>;

/** An action's route: answered 202, because what it sets going goes on after the answer. */
function Act(
  path: string,
  summary: string,
  problems: readonly ProblemStatus[] = [],
): MethodDecorator {
  return (target, key, descriptor: PropertyDescriptor) => {
    Post(path)(target, key, descriptor);
    HttpCode(202)(target, key, descriptor);
    Documented({
      method: 'POST',
      summary,
      answers: { 202: { description: 'Decided; this is how it stands', schema: UpgradeView } },
      problems: [...problems, 404, 409, 412],
      isAction: true,
    })(target, key, descriptor);
  };
}

/**
 * What a person asks of an upgrade, each judged by the status it finds.
 */
@ApiTags('Actions')
@Controller(`${BASE_PATH}/upgrades/:id`)
export class UpgradeActionsController {
  constructor(
    private readonly upgrades: UpgradeRunner,
    private readonly reads: UpgradeReadsRunner,
    private readonly reversal: UpgradeReversalRunner,
  ) {}

  @Act('start', 'Start: PENDING → VALIDATING')
  start(
    @Param('id', { schema: Uuid }) id: string,
    @Body({ schema: ActionRequest }) body: ActionBody,
    @Query({ schema: NoQuery }) _: unknown,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): View {
    return this.#act('START', id, body, caller, reply);
  }

  @Act('pause', 'Pause: nothing new starts, instances under way run to their end')
  pause(
    @Param('id', { schema: Uuid }) id: string,
    @Body({ schema: ActionRequest }) body: ActionBody,
    @Query({ schema: NoQuery }) _: unknown,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): View {
    return this.#act('PAUSE', id, body, caller, reply);
  }

  @Act('resume', 'Resume what an operator has paused')
  resume(
    @Param('id', { schema: Uuid }) id: string,
    @Body({ schema: ActionRequest }) body: ActionBody,
    @Query({ schema: NoQuery }) _: unknown,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): View {
    return this.#act('RESUME', id, body, caller, reply);
  }

  @Act('cancel', 'Cancel: nothing new starts, what is under way ends; then CANCELLED')
  cancel(
    @Param('id', { schema: Uuid }) id: string,
    @Body({ schema: ActionRequest }) body: ActionBody,
    @Query({ schema: NoQuery }) _: unknown,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): View {
    return this.#act('CANCEL', id, body, caller, reply);
  }

  @Act(
    'approve',
    'Approve a stage (STAGED): by a named person who did not initiate the upgrade',
    [403],
  )
  approve(
    @Param('id', { schema: Uuid }) id: string,
    @Body({ schema: ActionRequest }) body: ActionBody,
    @Query({ schema: NoQuery }) _: unknown,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): View {
    return this.#act('APPROVE', id, body, caller, reply);
  }

  @Act(
    'promote-canary',
    'Promote the canaries: the rest follows; UNHEALTHY ones by force, with a reason',
  )
  promoteCanary(
    @Param('id', { schema: Uuid }) id: string,
    @Body({ schema: ActionRequest }) body: ActionBody,
    @Query({ schema: NoQuery }) _: unknown,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): View {
    return this.#act('PROMOTE_CANARY', id, body, caller, reply);
  }

  @Act(
    'revert',
    'Take back what an ended upgrade has moved, as a new one that is PENDING',
    [422, 503],
  )
  async revert(
    @Param('id', { schema: Uuid }) id: string,
    @Body({ schema: ActionRequest }) body: ActionBody,
    @Query({ schema: NoQuery }) _: unknown,
    @CreatorOf() { actor: by, tenantId, ifMatchRevision, newId }: Creator,
    @Res({ passthrough: true }) reply: HttpReply,
  ): View {
    const action = { type: 'REVERT', by, ...body } as const;
    const strict = { tenantId, ifMatchRevision };
    const created = await this.reversal.revert(newId, id, action, strict);
    const shown = await this.reads.shown(created);
    void reply.headers({ location: linkOf(newId), etag: etagOf(shown) });
    return upgradeView(shown);
  }

  @Act('rollback', 'Roll back: every touched instance goes back to the version it had')
  rollback(
    @Param('id', { schema: Uuid }) id: string,
    @Body({ schema: ActionRequest }) body: ActionBody,
    @Query({ schema: RollbackQuery }) query: z.output<typeof RollbackQuery>,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: HttpReply,
  ): View {
    // The seed has the reason in the query; the body's goes first.
    const reason = body.reason ?? query.reason ?? null;
    return this.#act('ROLLBACK', id, { ...body, reason }, caller, reply);
  }

  async #act(
    type: ActionType,
    id: string,
    { force, reason }: ActionBody,
    { actor: by, tenantId, ifMatchRevision }: Caller,
    reply: HttpReply,
  ): View {
    const action = { type, by, reason, force };
    const stored = await this.upgrades.act(id, action, { tenantId, ifMatchRevision });
    const shown = await this.reads.shown(stored);
    void reply.header('etag', etagOf(shown));
    return upgradeView(shown);
  }
}
