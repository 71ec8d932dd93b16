/** The OpenAPI document: made of the routes and their schemas, and finished here. */
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { STREAM_EXAMPLE } from './examples.js';
import { PROBLEM_EXAMPLES } from './problem-examples.js';

interface Media {
  schema?: object;
  example?: unknown;
  examples?: Record<string, { summary: string; value: unknown }>;
}

interface Operation {
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses?: Record<string, { content?: Record<string, Media> }>;
}

/** The probes of every service, which say nothing of their answers themselves. */
const NOT_WELL: Readonly<Record<string, string>> = {
  '/livez': 'It will not recover: to be replaced. The body says which part and why',
  '/readyz': 'It can do no work right now. The body says which part and why',
};

/** As it stands at /docs (and, as JSON, at /docs-json). */
export function openApiOf(app: INestApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setTitle('Upgrade Orchestrator')
    .setDescription(
      "Moves a tenant's deployment of a component from one version to another, shows every step, " +
        'and puts things back when it goes wrong. Errors are RFC 9457 problems. `X-Actor` is ' +
        'recorded as claimed: it is no authentication.',
    )
    .setVersion('1')
    .addServer('/', 'The service that this document was read from')
    .setOpenAPIVersion('3.0.3')
    .addTag('Registry', 'Components, their versions, paths between them, and who runs what where')
    .addTag('Upgrades', 'Upgrades, their instances and their progress')
    .addTag('Actions', 'What a person asks of an upgrade')
    .addTag('Statistics', 'How upgrades went')
    .build();
  const document = SwaggerModule.createDocument(app, about);
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path as Record<string, Operation>)) finish(operation);
  }
  for (const [path, description] of Object.entries(NOT_WELL)) {
    const responses = document.paths[path]?.get?.responses;
    if (responses !== undefined) responses['503'] = { description };
  }
  return document;
}

/** What the generator does not know: problems are not plain JSON, and a stream is no page. */
function finish({ requestBody, responses = {} }: Operation): void {
  const body = requestBody?.content['application/json']?.schema;
  // Every action takes the same body, or none.
  if (requestBody !== undefined && isNamed(body, 'ActionRequest')) requestBody.required = false;
  for (const [status, response] of Object.entries(responses)) {
    const { content } = response;
    const json = content?.['application/json'];
    if (content === undefined || json === undefined) continue;
    if (Number(status) >= 400) {
      response.content = { 'application/problem+json': withExamples(json, Number(status)) };
    } else if ('text/event-stream' in content) {
      content['text/event-stream'] = { schema: { type: 'string' }, example: STREAM_EXAMPLE };
    }
  }
}

function withExamples({ schema = {} }: Media, status: number): Media {
  const problems = PROBLEM_EXAMPLES[status as keyof typeof PROBLEM_EXAMPLES];
  const examples = problems.map((value) => [value.code, { summary: value.title, value }] as const);
  return { schema, examples: Object.fromEntries(examples) };
}

function isNamed(schema: object | undefined, name: string): boolean {
  return schema !== undefined && '$ref' in schema && schema.$ref === `#/components/schemas/${name}`;
}
