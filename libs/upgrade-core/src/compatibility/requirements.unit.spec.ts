import { expect, it } from '@jest/globals';
import type { JudgedVersion, Surroundings } from './compatibility.js';
import { judgeDependents, judgeRequirements } from './requirements.js';

const to: JudgedVersion = {
  id: '2.0.0',
  componentId: 'api',
  version: '2.0.0',
  status: 'RELEASED',
  requires: { db: '^9' },
  minPlatformVersion: null,
  maxPlatformVersion: null,
  lts: false,
  recommended: false,
};
const installed = (db: string): Surroundings => ({
  platformVersion: null,
  installedComponents: { db },
  otherDeployments: [],
});
const codes = (found: readonly { readonly code: string }[]) => found.map(({ code }) => code);

it('a range that cannot be read is met by nothing', () => {
  const unread = { ...to, requires: { db: 'nine or so' } };
  expect(codes(judgeRequirements(unread, installed('9.1.0')))).toEqual(['REQUIREMENT_NOT_MET']);
  expect(codes(judgeRequirements(to, installed('9.1.0')))).toEqual([]);
});

it('a version that cannot be read meets no range', () => {
  expect(codes(judgeRequirements(to, installed('the latest')))).toEqual(['REQUIREMENT_NOT_MET']);
});

it('whoever requires this component in a range that cannot be read is told of', () => {
  const otherDeployments = [
    { componentName: 'web', version: '1.0.0', requires: { api: 'any of them' } },
  ];
  const surroundings: Surroundings = { ...installed('9.1.0'), otherDeployments };
  expect(codes(judgeDependents('api', to, surroundings))).toEqual(['DEPENDENT_NOT_MET']);
});
