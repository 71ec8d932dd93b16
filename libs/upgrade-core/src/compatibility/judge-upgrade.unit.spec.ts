import { describe, expect, it } from '@jest/globals';
import type {
  JudgedVersion,
  RegisteredPath,
  Surroundings,
  UpgradeQuestion,
} from './compatibility.js';
import { judgeSingleStep, judgeUpgrade, waiveSkipped } from './judge-upgrade.js';

function version(text: string, more: Partial<JudgedVersion> = {}): JudgedVersion {
  return {
    id: text,
    componentId: 'api',
    version: text,
    status: 'RELEASED',
    requires: {},
    minPlatformVersion: null,
    maxPlatformVersion: null,
    lts: false,
    recommended: false,
    ...more,
  };
}

function path(from: string, to: string, more: Partial<RegisteredPath> = {}): RegisteredPath {
  return {
    fromVersionId: from,
    toVersionId: to,
    requiresDowntime: false,
    tested: true,
    estimatedDurationMinutes: null,
    ...more,
  };
}

const nowhere: Surroundings = {
  platformVersion: null,
  installedComponents: {},
  otherDeployments: [],
};

function judge(from: JudgedVersion, to: JudgedVersion, more: Partial<UpgradeQuestion> = {}) {
  return judgeUpgrade({
    componentName: 'api',
    from,
    to,
    versions: [from, to],
    paths: [],
    strategy: 'ROLLING',
    allowDowntime: false,
    surroundings: nowhere,
    ...more,
  });
}

const codes = (judgement: { blockers: readonly { code: string }[] }) =>
  judgement.blockers.map((blocker) => blocker.code);
const hops = (judgement: ReturnType<typeof judge>) =>
  judgement.steps.map((step) => `${step.fromVersion}>${step.toVersion}`);

describe('the way from one version to another', () => {
  it('is direct for a patch, with low risk', () => {
    const judgement = judge(version('1.2.3'), version('1.2.9'));
    expect(judgement).toMatchObject({ valid: true, upgradeType: 'PATCH', riskLevel: 'LOW' });
    expect(hops(judgement)).toEqual(['1.2.3>1.2.9']);
  });

  it('is direct for the next minor', () => {
    const judgement = judge(version('1.2.3'), version('1.3.0'));
    expect(judgement).toMatchObject({ valid: true, upgradeType: 'MINOR', riskLevel: 'MEDIUM' });
  });

  it('names no way over a skipped minor or to a major without registered paths', () => {
    expect(codes(judge(version('1.2.0'), version('1.4.0')))).toEqual(['NO_PATH']);
    expect(codes(judge(version('1.9.0'), version('2.0.0')))).toEqual(['NO_PATH']);
  });

  it('goes by the registered path to a major', () => {
    const judgement = judge(version('1.9.0'), version('2.0.0'), {
      paths: [path('1.9.0', '2.0.0')],
    });
    expect(judgement).toMatchObject({ valid: true, upgradeType: 'MAJOR', riskLevel: 'HIGH' });
    expect(judgement.steps[0]?.registered).not.toBeNull();
  });

  it('finds the fewest steps, over direct and registered ones', () => {
    const versions = ['1.0.0', '1.1.0', '1.2.0', '1.2.1', '2.0.0', '2.1.0'].map((v) => version(v));
    const paths = [path('1.2.1', '2.0.0'), path('1.0.0', '1.2.0')];
    const judgement = judge(version('1.0.0'), version('2.1.0'), { versions, paths });
    expect(hops(judgement)).toEqual(['1.0.0>1.2.0', '1.2.0>1.2.1', '1.2.1>2.0.0', '2.0.0>2.1.0']);
    expect(codes({ blockers: judgeSingleStep(judgement.steps) })).toEqual(['SEVERAL_STEPS']);
    expect(judgeSingleStep(judgement.steps)[0]?.message).toContain('1.0.0 → 1.2.0 → 1.2.1');
  });

  it('skips a minor by its number, even where nobody registered the one between', () => {
    const versions = ['1.0.0', '1.2.0'].map((v) => version(v));
    expect(codes(judge(version('1.0.0'), version('1.2.0'), { versions }))).toEqual(['NO_PATH']);
  });

  it('counts a pre-release as of its own minor and major', () => {
    expect(codes(judge(version('1.2.0'), version('1.3.0-rc.1')))).toEqual([]);
    expect(codes(judge(version('1.3.0-rc.1'), version('1.3.0')))).toEqual([]);
    expect(codes(judge(version('1.2.0'), version('1.4.0-rc.1')))).toEqual(['NO_PATH']);
    expect(codes(judge(version('1.9.0'), version('2.0.0-rc.1')))).toEqual(['NO_PATH']);
    expect(codes(judge(version('1.3.0'), version('1.3.0-rc.1')))).toEqual(['DOWNGRADE']);
    expect(judge(version('2.0.0-rc.1'), version('2.0.0')).upgradeType).toBe('PATCH');
  });

  describe('of equally short ways', () => {
    const over = (between: JudgedVersion[], paths: RegisteredPath[] = []) => {
      const [from, to] = [version('1.0.0'), version('1.2.0')];
      // In both orders: which one stands first in the registry must not matter.
      const found = [between, between.toReversed()].map((versions) => {
        return judge(from, to, { versions, paths }).steps[0]?.toVersion;
      });
      expect(found[0]).toBe(found[1]);
      return found[0];
    };

    it('takes the one over the lower version', () => {
      expect(over([version('1.1.0'), version('1.1.7')])).toBe('1.1.0');
    });

    it('rather takes one over a recommended or LTS version', () => {
      expect(over([version('1.1.0'), version('1.1.7', { lts: true })])).toBe('1.1.7');
      expect(over([version('1.1.0'), version('1.1.7', { recommended: true })])).toBe('1.1.7');
    });

    it('rather takes none that is registered as not tested', () => {
      const between = [version('1.1.0', { recommended: true }), version('1.1.7')];
      expect(over(between, [path('1.0.0', '1.1.0', { tested: false })])).toBe('1.1.7');
    });

    it('rather takes one that is registered as tested', () => {
      const between = [version('1.1.0', { recommended: true }), version('1.1.7')];
      expect(over(between, [path('1.0.0', '1.1.7')])).toBe('1.1.7');
    });

    it('rather takes one over a release than over a pre-release, however it is registered', () => {
      expect(over([version('1.1.0-rc.1'), version('1.1.0')])).toBe('1.1.0');
      const between = [version('1.1.0-rc.1', { recommended: true }), version('1.1.0')];
      expect(over(between, [path('1.0.0', '1.1.0-rc.1')])).toBe('1.1.0');
      expect(over([version('1.1.0-rc.1'), version('1.1.0', { status: 'DEPRECATED' })])).toBe(
        '1.1.0',
      );
    });

    it('rather takes none over a deprecated version, however it is registered', () => {
      const deprecated = version('1.1.0', { status: 'DEPRECATED', lts: true });
      expect(over([deprecated, version('1.1.7')])).toBe('1.1.7');
      expect(over([deprecated, version('1.1.7')], [path('1.0.0', '1.1.0')])).toBe('1.1.7');
    });

    it('rather takes one over a pre-release than one that needs downtime', () => {
      const paths = [path('1.0.0', '1.1.0', { requiresDowntime: true })];
      expect(over([version('1.1.0-rc.1'), version('1.1.0')], paths)).toBe('1.1.0-rc.1');
    });

    it('counts pre-releases all along the way', () => {
      const versions = ['1.1.0-rc.1', '1.1.0', '1.2.0-rc.1', '1.2.0'].map((v) => version(v));
      const judgement = judge(version('1.0.0'), version('1.3.0'), { versions });
      expect(hops(judgement)).toEqual(['1.0.0>1.1.0', '1.1.0>1.2.0', '1.2.0>1.3.0']);
    });

    it('rather takes none that needs downtime', () => {
      const between = [version('1.1.0', { recommended: true }), version('1.1.7')];
      const paths = [
        path('1.1.0', '1.2.0', { requiresDowntime: true }),
        path('1.0.0', '1.1.7', { tested: false }),
      ];
      expect(over(between, paths)).toBe('1.1.7');
    });
  });

  it('does not step on a draft or on what is at its end', () => {
    const between = [
      version('1.1.0', { status: 'DRAFT' }),
      version('1.1.1', { status: 'END_OF_LIFE' }),
    ];
    const judgement = judge(version('1.0.0'), version('1.2.0'), { versions: between });
    expect(codes(judgement)).toEqual(['NO_PATH']);
  });

  it('does not follow a registered path downwards', () => {
    const judgement = judge(version('1.1.0'), version('1.0.0'), {
      paths: [path('1.1.0', '1.0.0')],
    });
    expect(codes(judgement)).toEqual(['DOWNGRADE']);
    expect(judgement.steps).toEqual([]);
  });
});

describe('blockers and warnings', () => {
  it('refuse the same version, another component and what is not released', () => {
    expect(codes(judge(version('1.0.0'), version('1.0.0')))).toEqual(['SAME_VERSION']);
    expect(codes(judge(version('1.0.0'), version('1.1.0', { componentId: 'web' })))).toEqual([
      'OTHER_COMPONENT',
    ]);
    expect(codes(judge(version('1.0.0'), version('1.1.0', { status: 'DRAFT' })))).toEqual([
      'TARGET_DRAFT',
    ]);
  });

  it('are all listed', () => {
    const to = version('0.9.0', {
      status: 'END_OF_LIFE',
      minPlatformVersion: '2.0.0',
      requires: { kafka: '>=3.5' },
    });
    expect(codes(judge(version('1.0.0'), to))).toEqual([
      'DOWNGRADE',
      'TARGET_END_OF_LIFE',
      'PLATFORM_VERSION_UNKNOWN',
      'REQUIREMENT_MISSING',
    ]);
  });

  it('downtime blocks unless it is allowed or the strategy means it', () => {
    const paths = [path('1.0.0', '1.1.0', { requiresDowntime: true })];
    const [from, to] = [version('1.0.0'), version('1.1.0')];
    expect(codes(judge(from, to, { paths }))).toEqual(['REQUIRES_DOWNTIME']);
    expect(codes(judge(from, to, { paths, allowDowntime: true }))).toEqual([]);
    const recreated = judge(from, to, { paths, strategy: 'RECREATE' });
    expect(recreated).toMatchObject({ valid: true, requiresDowntime: true, riskLevel: 'HIGH' });
  });

  it('warn of a deprecated target, a pre-release and an untested path, and raise the risk', () => {
    const paths = [path('1.0.0', '1.0.1-rc.1', { tested: false })];
    const to = version('1.0.1-rc.1', { status: 'DEPRECATED' });
    const judgement = judge(version('1.0.0'), to, { paths });
    expect(judgement.warnings.map((warning) => warning.code)).toEqual([
      'TARGET_DEPRECATED',
      'PRE_RELEASE',
      'UNTESTED_PATH',
    ]);
    expect(judgement).toMatchObject({ valid: true, riskLevel: 'MEDIUM' });
  });

  it('warn of each pre-release and deprecated version the way has to go over', () => {
    const versions = [
      version('1.1.0-rc.1', { status: 'DEPRECATED' }),
      version('1.2.0', { status: 'DEPRECATED' }),
      version('1.3.0'),
    ];
    // In the order of the way, whatever order they are registered in.
    const registry = versions.toReversed();
    const judgement = judge(version('1.0.0'), version('1.3.0'), { versions: registry });
    expect(judgement.warnings).toEqual([
      { code: 'PRE_RELEASE', message: 'the way goes over 1.1.0-rc.1, which is a pre-release' },
      { code: 'STEP_DEPRECATED', message: 'the way goes over 1.1.0-rc.1, which is DEPRECATED' },
      { code: 'STEP_DEPRECATED', message: 'the way goes over 1.2.0, which is DEPRECATED' },
    ]);
    expect(judgement).toMatchObject({ valid: true, riskLevel: 'HIGH' });
  });

  it('say nothing of where it begins, nor of versions it does not go over', () => {
    const [from, to] = [version('1.0.0-rc.1', { status: 'DEPRECATED' }), version('1.2.0')];
    const versions = [from, version('1.1.0-rc.1'), version('1.1.0'), to];
    expect(judge(from, to, { versions }).warnings).toEqual([]);
  });

  it('hold the platform against both bounds, which are included', () => {
    const to = version('1.1.0', { minPlatformVersion: '2.1.0', maxPlatformVersion: '3.0.0' });
    const on = (platformVersion: string) =>
      codes(judge(version('1.0.0'), to, { surroundings: { ...nowhere, platformVersion } }));
    expect(on('2.0.9')).toEqual(['PLATFORM_TOO_OLD']);
    expect(on('2.1')).toEqual([]);
    expect(on('3.0.0')).toEqual([]);
    expect(on('3.0.1')).toEqual(['PLATFORM_TOO_NEW']);
    expect(on('unknown')).toEqual(['PLATFORM_VERSION_UNKNOWN']);
  });

  it('block on a bound that cannot be read', () => {
    const to = version('1.1.0', { maxPlatformVersion: 'newest' });
    const surroundings = { ...nowhere, platformVersion: '2.0.0' };
    expect(codes(judge(version('1.0.0'), to, { surroundings }))).toEqual([
      'PLATFORM_VERSION_UNKNOWN',
    ]);
  });

  it('hold a pre-release of the platform for older than its release', () => {
    const to = version('1.1.0', { minPlatformVersion: '2.0.0' });
    const surroundings = { ...nowhere, platformVersion: '2.0.0-rc.1' };
    expect(codes(judge(version('1.0.0'), to, { surroundings }))).toEqual(['PLATFORM_TOO_OLD']);
  });

  it('hold what is required against claims and deployments alike', () => {
    const to = version('1.1.0', { requires: { kafka: '>=3.5', db: '^16' } });
    const surroundings: Surroundings = {
      platformVersion: null,
      installedComponents: { kafka: '3.6', db: '16.1' },
      otherDeployments: [{ componentName: 'db', version: '15.0.0', requires: {} }],
    };
    const judgement = judge(version('1.0.0'), to, { surroundings });
    expect(judgement.blockers).toEqual([
      {
        code: 'NEIGHBOUR_OUT_OF_RANGE',
        message: "version 1.1.0 requires db ^16, the tenant's deployment has 15.0.0",
      },
    ]);
  });

  it('does not take what every object inherits for an installed component', () => {
    const to = version('1.1.0', { requires: { constructor: '*' } });
    expect(codes(judge(version('1.0.0'), to))).toEqual(['REQUIREMENT_MISSING']);
  });

  it('become warnings where the check that finds them is skipped, and only there', () => {
    const to = version('0.9.0', { minPlatformVersion: '2.0.0', requires: { kafka: '>=3.5' } });
    const judgement = judge(version('1.0.0'), to);
    const noDependencies = waiveSkipped(judgement, ['DEPENDENCY_CHECK', 'SMOKE_TESTS']);
    expect(codes(noDependencies)).toEqual(['DOWNGRADE', 'PLATFORM_VERSION_UNKNOWN']);
    expect(noDependencies.warnings.map((warning) => warning.code)).toEqual(['CHECK_SKIPPED']);
    const neither = waiveSkipped(judgement, ['VERSION_COMPATIBILITY']);
    expect(neither).toMatchObject({ valid: false });
    expect(codes(neither)).toEqual(['DOWNGRADE']);
  });

  it('stay what they are where a skipped check would not have found them', () => {
    const surroundings: Surroundings = {
      ...nowhere,
      installedComponents: { kafka: '3.4' },
      otherDeployments: [{ componentName: 'db', version: '15.0.0', requires: {} }],
    };
    const to = version('1.1.0', { requires: { kafka: '>=3.5', db: '^16' } });
    const judgement = judge(version('1.0.0'), to, { surroundings });
    expect(codes(judgement)).toEqual(['REQUIREMENT_NOT_MET', 'NEIGHBOUR_OUT_OF_RANGE']);
    expect(codes(waiveSkipped(judgement, ['DEPENDENCY_CHECK']))).toEqual([
      'NEIGHBOUR_OUT_OF_RANGE',
    ]);
    expect(codes(waiveSkipped(judgement, ['VERSION_COMPATIBILITY']))).toEqual([]);
    const others = ['RESOURCE_AVAILABILITY', 'BACKUP_VERIFICATION', 'HEALTH_ENDPOINTS'] as const;
    const after = ['POST_UPGRADE_STATE', 'SMOKE_TESTS'] as const;
    expect(codes(waiveSkipped(judgement, [...others, ...after]))).toHaveLength(2);
  });

  it('warn of a neighbour that requires this component in a range it leaves', () => {
    const surroundings: Surroundings = {
      ...nowhere,
      otherDeployments: [{ componentName: 'web', version: '4.0.0', requires: { api: '~1.0' } }],
    };
    const judgement = judge(version('1.0.0'), version('1.1.0'), { surroundings });
    expect(judgement.valid).toBe(true);
    expect(judgement.warnings.map((warning) => warning.code)).toEqual(['DEPENDENT_NOT_MET']);
  });
});

describe('a revert', () => {
  const back = (to: JudgedVersion, more: Partial<UpgradeQuestion> = {}) =>
    judge(version('3.0.0'), to, { isRevert: true, ...more });

  it('is not held up by path, direction or end of life', () => {
    const judgement = back(version('1.0.0', { status: 'END_OF_LIFE' }));
    expect(judgement).toMatchObject({ valid: true, upgradeType: 'MAJOR', riskLevel: 'HIGH' });
    expect(hops(judgement)).toEqual(['3.0.0>1.0.0']);
    expect(judgement.warnings.map(({ code }) => code)).toEqual(['TARGET_END_OF_LIFE']);
    expect(judgeSingleStep(judgement.steps)).toEqual([]);
  });

  it('is held up by all else', () => {
    const to = version('1.0.0', {
      status: 'DRAFT',
      minPlatformVersion: '2.0.0',
      requires: { kafka: '>=3.5' },
    });
    expect(codes(back(to))).toEqual([
      'TARGET_DRAFT',
      'PLATFORM_VERSION_UNKNOWN',
      'REQUIREMENT_MISSING',
    ]);
    expect(codes(back(version('1.0.0', { componentId: 'web' })))).toEqual(['OTHER_COMPONENT']);
    expect(codes(back(version('3.0.0')))).toEqual(['SAME_VERSION']);
  });
});

describe('risk', () => {
  it.each([
    ['1.0.1', {}, 'LOW'],
    ['1.1.0', {}, 'MEDIUM'],
    ['2.0.0', {}, 'HIGH'],
    ['1.0.1', { tested: false }, 'MEDIUM'],
    ['1.1.0', { requiresDowntime: true }, 'HIGH'],
    ['1.0.1', { requiresDowntime: true, tested: false }, 'MEDIUM'],
  ] as const)('to %s by a path with %j is %s', (to, more, risk) => {
    const paths = [path('1.0.0', to, more)];
    expect(judge(version('1.0.0'), version(to), { paths }).riskLevel).toBe(risk);
  });
});
