import { afterAll, beforeAll } from '@jest/globals';
import { describeTarget } from '#targets/target.contract.js';
import { greeter, RealAgent } from './real-agent.js';

const START_LIMIT_MS = 60_000;

let agent: RealAgent;

beforeAll(async () => {
  agent = await RealAgent.start();
}, START_LIMIT_MS);

afterAll(async () => {
  await agent.close();
}, START_LIMIT_MS);

describeTarget('the agent driver before a real fleet', async () => {
  const fleet = await agent.declare(5);
  return {
    driver: fleet.driver,
    artifactsOf: greeter,
    slowVersion: '1.2.0',
    makeSlow: () => Promise.resolve(),
    vanish: (id) => agent.remove(`fleets/${fleet.name}/instances/${id}`),
    restart: () => agent.restartAgent(),
    close: () => agent.remove(`fleets/${fleet.name}`),
  };
});
