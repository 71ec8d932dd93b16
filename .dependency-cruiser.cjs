/**
 * Who may import whom: the table of docs/ARCHITECTURE.md, as rules. `npm run check` runs it.
 * Tests may look anywhere below their own subject, so most rules leave `*.spec.ts` out.
 */
// A contract is a test that several implementations of one port have to pass.
const SPEC = '\\.(spec|contract)\\.ts$';
const TESTING = '^libs/testing/';
/** What only tests of an app stand on. */
const APP_TESTS = '^apps/[^/]+/test/';
const CORE = '^libs/upgrade-core/src/';

/**
 * Core's words (the shapes of an execution, its inputs, facts and requests) and its bounds, which
 * anyone may use. Of everything else in core others may take types alone: the rest decides.
 */
const CORE_WORDS = [
  `${CORE}limits\\.ts$`,
  `${CORE}execution/execution(-inputs|-facts|-requests)?\\.ts$`,
  `${CORE}canary/canary-samples\\.ts$`,
];
const CORE_DECISIONS = { path: CORE, pathNot: CORE_WORDS, dependencyTypesNot: ['type-only'] };

/**
 * What libs/postgres promises, without a driver in it: a store port is built on these words, and
 * who owns a shard is everybody's business who works for it. Postgres itself stays in persistence.
 */
const DATABASE_PORT =
  '^libs/postgres/src/(service-database|shard-leases|shard-of|asked-work|owned-work)\\.ts$';

/** A room of an app may import these rooms of its own app, and these libs; nothing else of ours. */
function room(name, from, allowed, comment) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: from, pathNot: SPEC },
    to: { path: '^(apps|libs)/', pathNot: allowed },
  };
}

/** One library, one room: what it is wrapped in can be changed in one place. */
function onlyIn(name, library, rooms, comment) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: '^(apps|libs)/', pathNot: [...rooms, SPEC, TESTING] },
    to: { path: `(^|/)node_modules/${library}/` },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'core-imports-nothing',
      comment:
        'The rules are pure: no library, no built-in of Node, nothing of ours. That is what lets ' +
        'them be read, tested and simulated by themselves.',
      severity: 'error',
      from: { path: '^libs/upgrade-core/', pathNot: SPEC },
      to: { pathNot: '^libs/upgrade-core/' },
    },
    {
      name: 'core-specs-stay-small',
      comment: 'Tests of core need builders and packages such as fast-check, never a real part.',
      severity: 'error',
      from: { path: `^libs/upgrade-core/.*${SPEC}` },
      to: { path: '^(apps|libs|tools)/', pathNot: ['^libs/upgrade-core/', TESTING] },
    },
    {
      name: 'contracts-know-core-types-only',
      comment: 'Messages are words: they may be made of core types, and never decide anything.',
      severity: 'error',
      from: { path: '^libs/contracts/', pathNot: SPEC },
      to: { path: '^(apps|libs)/', pathNot: ['^libs/contracts/', CORE] },
    },
    {
      name: 'contracts-take-types-from-core',
      comment: 'Only types and bounds of core: a message schema that ran core code would decide.',
      severity: 'error',
      from: { path: '^libs/contracts/', pathNot: SPEC },
      to: CORE_DECISIONS,
    },
    {
      name: 'no-decisions-in-plumbing',
      comment:
        'Messaging, Postgres, targets and observability carry what was decided. They may use ' +
        'core types and limits.ts, never what decides.',
      severity: 'error',
      from: { path: '^libs/(messaging|postgres|targets|observability|runtime)/', pathNot: SPEC },
      to: CORE_DECISIONS,
    },
    {
      name: 'libs-do-not-know-apps',
      comment: 'A lib that knew a service could not be used by another.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'no-test-code-in-the-product',
      comment: 'Builders, in-memory twins of the test room and test tools are for tests.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [SPEC, TESTING, APP_TESTS] },
      to: { path: [TESTING, APP_TESTS, '^test/', '^tools/', SPEC] },
    },
    {
      name: 'apps-do-not-know-apps',
      comment: 'Services speak over Kafka alone.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'nest-stays-out-of-the-rules',
      comment: 'Core and contracts outlive the framework.',
      severity: 'error',
      from: { path: '^libs/(upgrade-core|contracts)/' },
      to: { path: '(^|/)node_modules/@nestjs/' },
    },
    {
      name: 'typeorm-in-persistence-only',
      comment: 'A store port with an in-memory twin is what the rest of a service knows.',
      severity: 'error',
      from: {
        path: '^(apps|libs)/',
        pathNot: ['^apps/[^/]+/src/persistence/', '^libs/postgres/', SPEC, TESTING],
      },
      to: { path: '(^|/)node_modules/(typeorm|@nestjs/typeorm)/' },
    },
    onlyIn(
      'kafkajs-in-messaging-only',
      'kafkajs',
      ['^libs/messaging/'],
      'One send in flight, one producer in a process: kafkajs loses events otherwise.',
    ),
    onlyIn(
      'pg-in-postgres-and-targets-only',
      'pg',
      ['^libs/postgres/', '^libs/targets/'],
      "Transactions have one owner; the simulated driver's schema stands for the outside world.",
    ),
    onlyIn(
      'prom-client-in-observability-only',
      'prom-client',
      ['^libs/observability/'],
      'One catalogue of metrics, with bounded labels.',
    ),
    room(
      'inbound-hands-to-its-runner',
      '^apps/([^/]+)/src/inbound/',
      [
        '^apps/$1/src/inbound/',
        '^apps/$1/src/[^/]+\\.(runner|config)\\.ts$',
        // No suffix: pure, and open to every room of its app.
        '^apps/$1/src/[^./]+\\.ts$',
        '^libs/(contracts|messaging|targets|observability|runtime)/',
        DATABASE_PORT,
        ...CORE_WORDS,
      ],
      'Inbound is where the world comes in: it calls its runner and never a store or a decision.',
    ),
    room(
      'runner-joins-core-and-store',
      '^apps/([^/]+)/src/[^/]+\\.runner\\.ts$',
      [
        '^apps/$1/src/[^/]+\\.(runner|outbox|config)\\.ts$',
        // The port, not what stands behind it.
        '^apps/$1/src/persistence/(?!.*(pg|postgres|memory|\\.row\\.|migration))[^/]*\\.ts$',
        '^apps/$1/src/[^./]+\\.ts$',
        CORE,
        '^libs/(contracts|observability|runtime)/',
        DATABASE_PORT,
      ],
      'load → decide → commit: the only file that joins core and store, and it knows the port.',
    ),
    room(
      'outbox-turns-requests-into-messages',
      '^apps/([^/]+)/src/[^/]+\\.outbox\\.ts$',
      [
        '^apps/$1/src/[^./]+\\.ts$',
        '^apps/$1/src/[^/]+\\.outbox\\.ts$',
        CORE,
        '^libs/contracts/',
        DATABASE_PORT,
      ],
      'Request → message, a pure Record.',
    ),
    {
      name: 'outbox-takes-types-from-core',
      comment: 'An outbox translates what was decided; it decides nothing.',
      severity: 'error',
      from: { path: '^apps/[^/]+/src/[^/]+\\.outbox\\.ts$' },
      to: CORE_DECISIONS,
    },
    room(
      'persistence-knows-its-tables',
      '^apps/([^/]+)/src/persistence/',
      [
        '^apps/$1/src/persistence/',
        '^apps/$1/src/[^./]+\\.ts$',
        CORE,
        '^libs/(postgres|contracts|runtime)/',
      ],
      'Its own tables, core types and the transaction; nobody is called from here.',
    ),
    {
      name: 'persistence-takes-types-from-core',
      comment: 'A store keeps what was decided; it decides nothing.',
      severity: 'error',
      from: { path: '^apps/[^/]+/src/persistence/', pathNot: SPEC },
      to: CORE_DECISIONS,
    },
    {
      name: 'no-barrels-in-apps',
      comment: 'A barrel hides who imports whom, and makes cycles.',
      severity: 'error',
      from: {},
      to: { path: '^apps/.*/index\\.ts$' },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one, or a third is missing.',
      severity: 'error',
      from: { pathNot: '(^|/)node_modules/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'not-to-unresolvable',
      comment: 'Guards the others: a rule cannot match what cannot be resolved.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'What is imported stands in package.json; development tools are not for production.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [SPEC, TESTING] },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: '^(node_modules|dist)/' },
    // The generated client's program is compiled in memory, beside what is generated.
    exclude: { path: '^(dist|coverage|\\.stack|test/client/program)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: true,
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
    },
    cache: { folder: 'node_modules/.cache/dependency-cruiser', strategy: 'content' },
  },
};
