/** What refusals look like, by status: the OpenAPI document shows them, a code each. */
import type { ProblemStatus } from './documented.js';
import { problem, type Problem } from './problem.js';
import { BASE_PATH } from './root-path.js';

const UPGRADE = `${BASE_PATH}/upgrades/3d9b0f7c-7a1e-4f0e-8c7e-2f6a0a5b9c11`;
const UPGRADES = `${BASE_PATH}/tenants/acme/upgrades`;
const COMPONENTS = `${BASE_PATH}/components`;
const ACTIVE = '7c0d2f8a-52a6-4a0f-9f64-1f0a8d1f5e22';

export const PROBLEM_EXAMPLES: Readonly<Record<ProblemStatus, readonly Problem[]>> = {
  400: [
    problem(400, 'INVALID_REQUEST', 'The request is not valid: batchSize', UPGRADES, {
      errors: [{ field: 'batchSize', expected: 'number to be <=10000' }],
    }),
    problem(400, 'BROKEN_JSON', 'The body is not valid JSON', UPGRADES, {
      errors: [{ field: 'body', expected: 'valid JSON' }],
    }),
  ],
  403: [
    problem(
      403,
      'FORBIDDEN',
      'A stage is approved by a named person who is not the one who initiated the upgrade.',
      `${UPGRADE}/approve`,
    ),
  ],
  404: [
    problem(404, 'NOT_FOUND', 'There is no upgrade 3d9b0f7c-7a1e-4f0e-8c7e-2f6a0a5b9c11', UPGRADE),
  ],
  409: [
    problem(
      409,
      'NOT_ALLOWED',
      'START is not allowed while the upgrade is COMPLETED',
      `${UPGRADE}/start`,
      { currentStatus: 'COMPLETED', allowedActions: ['REVERT'] },
    ),
    problem(409, 'ACTIVE_EXECUTION', 'The component has an active upgrade', UPGRADES, {
      activeExecutionId: ACTIVE,
    }),
    problem(409, 'ALREADY_REGISTERED', 'There is a component payments-api already', COMPONENTS),
    problem(
      409,
      'IDEMPOTENCY_KEY_IN_FLIGHT',
      'A request with this Idempotency-Key is in flight',
      UPGRADES,
    ),
  ],
  412: [
    problem(412, 'REVISION_MISMATCH', 'The upgrade has another revision by now', UPGRADE, {
      currentRevision: 8,
      currentStatus: 'IN_PROGRESS',
    }),
  ],
  413: [problem(413, 'BODY_TOO_LARGE', 'The body is larger than 1048576 bytes', UPGRADES)],
  415: [problem(415, 'NOT_JSON', 'The body must be application/json', UPGRADES)],
  422: [
    problem(422, 'CANNOT_BE_DONE', 'The upgrade cannot be done', UPGRADES, {
      detail: '1.0.0 → 3.0.0 takes a path that nobody registered',
      blockers: [{ code: 'NO_PATH', message: '1.0.0 → 3.0.0 takes a path that nobody registered' }],
    }),
    problem(422, 'UNUSABLE_REFERENCE', 'It cannot be done with this toVersionId', UPGRADES, {
      errors: [{ field: 'toVersionId', expected: 'a registered version' }],
    }),
    problem(
      422,
      'NOTHING_MOVED',
      'The upgrade has moved nothing that could go back',
      `${UPGRADE}/revert`,
      { currentStatus: 'CANCELLED', allowedActions: ['REVERT'] },
    ),
    problem(
      422,
      'SUPERSEDED',
      `A later upgrade has moved on from where this one went: ${ACTIVE}`,
      `${UPGRADE}/revert`,
      { laterExecutionId: ACTIVE, currentStatus: 'COMPLETED', allowedActions: ['REVERT'] },
    ),
    problem(
      422,
      'IDEMPOTENCY_KEY_REUSED',
      'This Idempotency-Key was used for another request',
      UPGRADES,
    ),
  ],
  500: [problem(500, 'INTERNAL', 'Something went wrong on our side', UPGRADES)],
  503: [
    problem(503, 'TARGET_UNREACHABLE', 'The target cannot be reached just now', UPGRADES),
    problem(503, 'DATABASE_UNAVAILABLE', 'The database cannot be reached just now', UPGRADES),
  ],
};
