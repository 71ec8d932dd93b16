/** A preview as it is answered. */
import { z } from 'zod';
import { PREVIEW_LIMITS } from '#core/limits.js';
import type { UpgradePreview } from '../preview-upgrade.js';
import { PREVIEW_EXAMPLE } from './examples.js';
import { ValidationView, validationView } from './registry-views.js';
import { CheckView, checkView } from './upgrade-views.js';

const count = z.int().min(0);
const seconds = z.number().min(0);
const named = String(PREVIEW_LIMITS.instancesNamed);

const BatchView = z
  .strictObject({
    number: z.int().min(1),
    phase: z.enum(['CANARY', 'REST', 'NEW_SET']),
    size: z.int().min(1),
    alreadyDown: count.meta({ description: 'Instances that are down now: they go first' }),
    instances: z
      .array(z.string())
      .nullable()
      .meta({
        description:
          `The first ${named} ids, in the order in which they are taken; null where nobody knows ` +
          `them: of a new set, or of a fleet too large to be listed in a request`,
      }),
    room: count.nullable().meta({
      description: 'Instances that may be down and are not, before it; null: room is not kept',
    }),
    serving: count.meta({ description: 'Instances that serve while it is under way' }),
    startsAfterSeconds: seconds.nullable().meta({
      description: 'Since the start, without checks; null: no earlier upgrade says',
    }),
    needsApproval: z.boolean(),
  })
  .meta({ id: 'PreviewedBatch' });

const PlanView = z
  .strictObject({
    listed: count.meta({ description: 'All instances the target has now' }),
    total: count.meta({ description: 'How many of them are taken' }),
    alreadyThere: count.nullable().meta({
      description:
        'On the target version already, so not taken; null: the fleet is too large to be listed ' +
        'in a request, and the plan takes them for not being there',
    }),
    allowedDown: count.nullable().meta({
      description: 'So many may be down at once; null: room is not kept',
    }),
    batches: z.array(BatchView).meta({
      description: `In their order, the first ${String(PREVIEW_LIMITS.batchesShown)}`,
    }),
    batchesInAll: count,
    standsStill: z.boolean().meta({
      description:
        'As things stand it does not get further than these: others that are down leave no room',
    }),
    lowestServing: count.meta({ description: 'Fewest instances that serve at any moment' }),
    lowestServingPercentage: z.int().min(0).max(100),
    approvals: count.meta({ description: 'Stages that a person has to approve' }),
    needsPromotion: z.boolean().meta({ description: 'A person has to promote the canaries' }),
    waitingSeconds: seconds.meta({ description: 'Batch delays and the watch over canaries' }),
    expectedDurationSeconds: seconds.nullable().meta({
      description:
        'Waiting, and the time of the batches; without checks and without waiting for people. ' +
        'Null: no earlier upgrade says, or it would not get to its end',
    }),
    expectedFrom: z
      .strictObject({
        executions: z.int().min(1).meta({ description: 'Earlier upgrades of this tenant' }),
        batchSeconds: seconds.meta({ description: 'Median of how long one batch took' }),
      })
      .nullable()
      .meta({ description: 'What the expected duration rests on' }),
  })
  .meta({ id: 'PreviewedPlan' });

export const PreviewView = z
  .strictObject({
    judgement: ValidationView.meta({
      description: 'As it would be judged now; with blockers it would be refused',
    }),
    plan: PlanView.nullable().meta({
      description: 'What it would do if all goes well; null: no target answers, or nothing to take',
    }),
    checks: z.array(CheckView).meta({
      description:
        'The checks before the upgrade as they come out now; what could not be seen in time is ' +
        'FAILED. Empty when no target answers',
    }),
  })
  .meta({ id: 'UpgradePreview', examples: [PREVIEW_EXAMPLE] });

export function previewView(preview: UpgradePreview): z.infer<typeof PreviewView> {
  return {
    judgement: validationView(preview.judgement),
    plan: planView(preview),
    checks: preview.checks.map((check) => checkView('PRE', check)),
  };
}

function planView({ plan, batchWork }: UpgradePreview): z.infer<typeof PlanView> | null {
  if (plan === null) return null;
  const { batches, waitingMs, expectedDurationMs, ...counts } = plan;
  return {
    ...counts,
    batches: batches.map(({ instanceIds, indices: _, startsAfterMs, ...batch }) => ({
      ...batch,
      instances: instanceIds === null ? null : [...instanceIds],
      startsAfterSeconds: secondsOf(startsAfterMs),
    })),
    waitingSeconds: waitingMs / 1_000,
    expectedDurationSeconds: secondsOf(expectedDurationMs),
    expectedFrom:
      batchWork === null
        ? null
        : { executions: batchWork.executions, batchSeconds: batchWork.medianMs / 1_000 },
  };
}

function secondsOf(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000;
}
