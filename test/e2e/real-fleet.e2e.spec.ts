import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listDeadLetters } from '#messaging/dead-letter-desk.js';
import { KafkaProducer } from '#messaging/kafka-producer.js';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { TOPICS } from '#contracts/topics.js';
import type { ApiError, DeploymentAnswer } from '../../tools/product/registry-api.js';
import { upgradeRequest } from '../../tools/product/upgrade-request.js';
import { startTested, until, type TestedFleet, type TestedProduct } from './product.js';
import { expectSound } from './soundness.js';

const LIMIT_MS = 120_000;

describe('on a fleet of real processes under load', () => {
  let tested: TestedProduct;

  beforeAll(async () => {
    tested = await startTested();
  }, LIMIT_MS);

  afterAll(() => tested.stop(), LIMIT_MS);

  async function deploymentOf({ example }: TestedFleet): Promise<DeploymentAnswer> {
    const { tenantId, componentId } = example;
    return tested.api.get(`tenants/${tenantId}/deployments/${componentId}`);
  }

  it(
    'an upgrade drops no request, and the deployment is on the new version',
    async () => {
      const fleet = await tested.newFleet();
      const load = tested.load(fleet);
      const upgrade = await tested.upgrade(fleet, '1.1.0');
      expect(await upgrade.untilEnded()).toBe('COMPLETED');
      const { dropped, problems } = await load.stop();
      expect({ dropped, problems }).toEqual({ dropped: 0, problems: [] });
      const { currentVersionId, observedVersions } = await deploymentOf(fleet);
      expect(currentVersionId).toBe(fleet.example.versionIds['1.1.0']);
      expect(observedVersions).toEqual({ '1.1.0': 4 });
      expect(tested.startsOf(fleet, '1.1.0')).toEqual([1, 1, 1, 1]);
      await expectSound(tested, upgrade, fleet);
    },
    LIMIT_MS,
  );

  it(
    'a version that is never healthy is taken back by itself, and no request is dropped',
    async () => {
      const fleet = await tested.newFleet();
      const load = tested.load(fleet);
      const upgrade = await tested.upgrade(fleet, '1.3.0', { healthCheckTimeoutSeconds: 1 });
      expect(await upgrade.untilEnded()).toBe('ROLLED_BACK');
      const { dropped, problems, byVersion } = await load.stop();
      expect({ dropped, problems }).toEqual({ dropped: 0, problems: [] });
      expect(Object.keys(byVersion)).toEqual(['1.0.0']);
      const { currentVersionId } = await deploymentOf(fleet);
      expect(currentVersionId).toBe(fleet.example.versionIds['1.0.0']);
      await expectSound(tested, upgrade, fleet);
    },
    LIMIT_MS,
  );

  it(
    'of two requests at once for one tenant and component one is created and one is refused',
    async () => {
      const { example } = await tested.newFleet(2);
      const body = {
        ...upgradeRequest(example, '1.0.0', '1.1.0'),
        maxUnavailablePercentage: 50,
      };
      for (let round = 1; round <= 3; round += 1) {
        const results = await Promise.allSettled(
          [1, 2].map(() =>
            tested.api.post<{ id: string }>(`tenants/${example.tenantId}/upgrades`, body),
          ),
        );
        const created = results.filter((result) => result.status === 'fulfilled');
        const refused = results.filter((result) => result.status === 'rejected');
        expect([created.length, refused.length]).toEqual([1, 1]);
        expect((refused[0]!.reason as ApiError).status).toBe(409);
        await tested.api.post(`upgrades/${created[0]!.value.id}/cancel`);
      }
    },
    LIMIT_MS,
  );

  it(
    'messages that nobody can read become dead letters and hold up no good one',
    async () => {
      const brokers = tested.product.kafkaBrokers.split(',');
      const producer = new KafkaProducer({
        ...{ brokers, clientId: 'e2e-poison', log: silentLog, clock: new SystemClock() },
      });
      const consumed = Object.values(TOPICS).filter((topic) => topic !== TOPICS.progress);
      const before = await lettersOn(brokers, consumed);
      const fleet = await tested.newFleet();
      const poison = ['not JSON', '{"type":"unknown.v9","data":{}}', '{"__proto__":[]}', '\u0000'];
      await producer.start();
      // Keys of every kind, so that every partition gets some.
      const spread = Array.from({ length: 16 }, (_, at) => at);
      await producer.publish(
        consumed.flatMap((topic) =>
          spread.map((at) => ({
            ...{ topic, key: `poison-${String(at)}`, value: poison[at % poison.length]! },
          })),
        ),
      );
      await producer.close();
      const upgrade = await tested.upgrade(fleet, '1.1.0');
      expect(await upgrade.untilEnded()).toBe('COMPLETED');
      const back = await tested.newFleet();
      const failed = await tested.upgrade(back, '1.3.0', { healthCheckTimeoutSeconds: 1 });
      expect(await failed.untilEnded()).toBe('ROLLED_BACK');
      await until('every poisoned message is a dead letter', async () => {
        const now = await lettersOn(brokers, consumed);
        return consumed.every((topic) => now[topic]! - before[topic]! >= spread.length);
      });
    },
    LIMIT_MS,
  );
});

async function lettersOn(
  brokers: string[],
  topics: readonly string[],
): Promise<Record<string, number>> {
  const counts = await Promise.all(
    topics.map(async (topic) => {
      const letters = await listDeadLetters(brokers, topic, { limit: 200 });
      return [topic, letters.length] as const;
    }),
  );
  return Object.fromEntries(counts);
}
