/** @stack own */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AgentTargets } from '#targets/agent-targets.js';
import { idOf, targetOf } from '../../tools/product/example-fleet.js';
import type { DeploymentAnswer, ExecutionAnswer } from '../../tools/product/registry-api.js';
import { upgradeRequest } from '../../tools/product/upgrade-request.js';
import {
  askDoctor,
  backUp,
  codesOf,
  databaseOf,
  restore,
  startLosable,
  startServices,
  stopServices,
  type LosableStack,
} from './disasters.js';
import { startTested, until, type TestedFleet, type TestedProduct } from './product.js';

const LIMIT_MS = 300_000;

describe('what is lost for good, and what the doctor makes of it', () => {
  let stack: LosableStack;
  let tested: TestedProduct;
  let databaseUrl: string;

  beforeAll(async () => {
    stack = await startLosable();
    tested = await startTested({ servers: stack });
    databaseUrl = await databaseOf(stack);
  }, LIMIT_MS);

  afterAll(async () => {
    await tested.stop();
    await stack.stop();
  }, LIMIT_MS);

  afterEach(async () => {
    // Also when the test has failed in between: the next one is about another loss.
    await stack.kafka.start();
    await startServices(tested);
  }, LIMIT_MS);

  const doctor = (...args: string[]) => {
    return askDoctor({ kafkaBrokers: stack.kafkaBrokers, databaseUrl }, args);
  };

  const deploymentOf = ({ example }: TestedFleet): Promise<DeploymentAnswer> => {
    return tested.api.get(`tenants/${example.tenantId}/deployments/${example.componentId}`);
  };

  const createdOnly = async ({ example }: TestedFleet): Promise<string> => {
    const request = upgradeRequest(example, '1.0.0', '1.1.0');
    const path = `tenants/${example.tenantId}/upgrades`;
    return (await tested.api.post<ExecutionAnswer>(path, request)).id;
  };

  const untilStatus = (id: string, status: string): Promise<void> => {
    return until(`upgrade ${id} is ${status}`, async () => {
      return (await tested.api.get<ExecutionAnswer>(`upgrades/${id}`)).status === status;
    });
  };

  /** As the instances themselves say. */
  const versionsAt = async ({ fleet }: TestedFleet): Promise<(string | null)[]> => {
    const agents = new AgentTargets();
    const { settings } = targetOf(tested.product.urls['fleet-agent'], fleet.name);
    const { instances } = await agents.open(settings).list({ limit: 100 });
    await agents.close();
    return instances.map(({ version }) => version);
  };

  it(
    'Kafka is thrown away in the middle: the upgrade ends, and every event is told again in order',
    async () => {
      const fleet = await tested.newFleet(4);
      const upgrade = await tested.upgrade(fleet, '1.1.0', { batchSize: 1 });
      await upgrade.untilSome('COMPLETED', 1);
      await stopServices(tested);
      await stack.loseKafka();
      const found = await doctor();
      expect(found).toMatchObject({ exitCode: 1, notLookedAt: [], errors: '' });
      expect(codesOf(found)).toEqual(['SHARD_UNOWNED', 'TOLD_LOST', 'TOPIC_MISSING']);
      const fixed = await doctor('--fix');
      expect(fixed).toMatchObject({ exitCode: 0, left: [] });
      expect(fixed.repaired).toHaveLength(1);
      await startServices(tested);
      await untilStatus(upgrade.id, 'COMPLETED');
      expect(await versionsAt(fleet)).toEqual(Array(4).fill('1.1.0'));
      for (const starts of tested.startsOf(fleet, '1.1.0')) expect(starts).toBe(1);
      // EVENTS_MISSING would name what stood on the old Kafka alone.
      await until('the doctor finds nothing', async () => (await doctor()).exitCode === 0);
    },
    LIMIT_MS,
  );

  it(
    'the database goes back to a backup from the middle: the doctor says so, mends it, and is silent',
    async () => {
      const running = await tested.newFleet(6);
      const begun = await tested.newFleet(2);
      const upgrade = await tested.upgrade(running, '1.1.0', { batchSize: 1 });
      const other = await createdOnly(begun);
      await upgrade.untilSome('COMPLETED', 1);
      await stopServices(tested);
      await backUp(databaseUrl);

      // What the backup does not know: more instances, other owners, and a whole other upgrade.
      await startServices(tested);
      await tested.api.post(`upgrades/${other}/start`);
      await upgrade.untilSome('COMPLETED', 4);
      await untilStatus(other, 'COMPLETED');
      await stopServices(tested);
      const heard = upgrade.view.lastSequence;
      await restore(databaseUrl);

      const found = await doctor();
      expect(found).toMatchObject({ exitCode: 1, notLookedAt: [] });
      expect(codesOf(found)).toEqual(
        expect.arrayContaining([
          'TOLD_AHEAD',
          'FENCE_AHEAD',
          'ENDED_ON_TOPIC',
          'INSTANCE_ELSEWHERE',
        ]),
      );
      const fixed = await doctor('--fix');
      expect(fixed.repaired.length).toBeGreaterThan(0);
      // Statuses and rows are no number to be raised: those are left to the services and to people.
      expect(fixed.exitCode).toBe(1);
      for (const { repairs } of fixed.left) expect(repairs).toEqual([]);
      await startServices(tested);

      // Goes on where the backup stood, behind what was told, and under a fence that is let in.
      // The topic may have told its end before: what counts is what the database comes to.
      await untilStatus(upgrade.id, 'COMPLETED');
      const last = (await upgrade.sequencesByRest()).at(-1);
      await until('the topic has told it all', () => upgrade.view.lastSequence === last);
      expect(upgrade.view.gaps).toEqual([]);
      expect(upgrade.view.notes).toContain('RESTORED');
      expect(upgrade.view.lastSequence).toBeGreaterThan(heard);
      expect(await versionsAt(running)).toEqual(Array(6).fill('1.1.0'));
      for (const starts of tested.startsOf(running, '1.1.0')) expect(starts).toBe(1);

      // The other one is as it was created; the advice: say what runs, and let it be.
      await tested.api.post(`upgrades/${other}/cancel`);
      await untilStatus(other, 'CANCELLED');
      const { tenantId, componentId, versionIds } = begun.example;
      const { target } = await deploymentOf(begun);
      await tested.api.put(`tenants/${tenantId}/deployments/${componentId}`, {
        target,
        currentVersionId: idOf(versionIds, '1.1.0'),
      });
      await until('the doctor finds nothing', async () => (await doctor()).exitCode === 0);
    },
    LIMIT_MS,
  );
});
