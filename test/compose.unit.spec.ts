import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '..');

interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly mem_limit?: string;
  readonly volumes?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const built = services.filter(([, service]) => service.build !== undefined);
const written = built.filter(([name]) => existsSync(join(ROOT, 'apps', name, 'src', 'main.ts')));

/** The variables an app reads, from the schema by which it reads them. */
async function variablesOf(app: string): Promise<string[]> {
  const file = join(ROOT, 'apps', app, 'src', `${app}.config.ts`);
  const exported = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const name = `${app.replaceAll(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase())}Config`;
  const schema = exported[name];
  if (!(schema instanceof z.ZodObject)) throw new Error(`${file} does not export ${name}`);
  return Object.keys(schema.shape);
}

describe('docker-compose.yml', () => {
  it('is a compose file by the specification', () => {
    const { $schema: _, ...schema } = JSON.parse(
      read('deploy/compose-spec/compose-spec.json'),
    ) as Record<string, unknown>;
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    // The schema spells its own names the old way, which the validator refuses by default.
    ajv.removeKeyword('id');
    const validate = ajv.compile(schema);
    validate(compose);
    expect(validate.errors).toBeNull();
  });

  it('bounds the memory of every service and looks after its health', () => {
    const careless = services.filter(
      ([, { mem_limit, healthcheck }]) => !mem_limit || !healthcheck,
    );
    expect(careless.map(([name]) => name)).toEqual([]);
  });

  it('names a version of every image it does not build', () => {
    const floating = services.filter(
      ([, { image }]) => !image.includes(':') || /latest/.test(image),
    );
    expect(floating.map(([name]) => name)).toEqual([]);
  });

  it('mounts files that exist', () => {
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes);
    const ours = mounts
      .map((mount) => String(mount.split(':')[0]))
      .filter((from) => /^\./.test(from));
    expect(ours.filter((from) => !existsSync(join(ROOT, from)))).toEqual([]);
  });

  it.each(built)('runs %s from its own main file, and looks at its own port', (name, service) => {
    expect(service.command).toEqual([`dist/apps/${name}/src/main.js`]);
    const url = `http://127.0.0.1:${String(service.environment?.['PORT'])}/readyz`;
    expect(service.healthcheck?.test.join(' ')).toContain(url);
    const { scrape_configs: jobs } = parse(read('deploy/prometheus/prometheus.yml')) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    const job = jobs.find(({ job_name }) => job_name === name);
    expect(job?.static_configs[0]?.targets).toEqual([
      `${name}:${String(service.environment?.['PORT'])}`,
    ]);
  });

  it('sets no variable that the service does not read', async () => {
    const unread: string[] = [];
    for (const [name, { environment = {} }] of written) {
      const known = await variablesOf(name);
      const unknown = Object.keys(environment).filter((variable) => !known.includes(variable));
      unread.push(...unknown.map((variable) => `${name}: ${variable}`));
    }
    expect(unread).toEqual([]);
  });
});
