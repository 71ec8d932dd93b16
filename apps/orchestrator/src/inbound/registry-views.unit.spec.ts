import { expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { deploymentView, DeploymentView } from './registry-views.js';

it('shows the set that is kept beside the live one, and until when', () => {
  const versionId = randomUUID();
  const view = deploymentView({
    ...{ id: randomUUID(), tenantId: 'acme', componentId: randomUUID(), target: null },
    ...{ currentVersionId: versionId, observedVersions: { '1.1.0': 3 }, platformVersion: null },
    ...{ createdAtMs: 0, updatedAtMs: 0 },
    standbySet: { set: 'blue', versionId, retireAtMs: Date.UTC(2026, 2, 1) },
  });
  expect(view.standbySet).toEqual({ versionId, retireAt: '2026-03-01T00:00:00.000Z' });
  expect(() => DeploymentView.parse(view)).not.toThrow();
});
