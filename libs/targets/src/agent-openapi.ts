import { z } from 'zod';
import { AGENT_CALLS, FleetName, type AgentCall } from './agent-contract.js';

/**
 * The contract of the `agent` driver as an OpenAPI 3.1 document, so that it can be implemented by
 * somebody who has never seen this repository.
 */
export function agentOpenApi(): Record<string, unknown> {
  const paths: Record<string, unknown> = {};
  for (const operationId of Object.keys(AGENT_CALLS) as AgentCall[]) {
    const call = AGENT_CALLS[operationId];
    const body =
      call.request === null ? {} : { requestBody: { required: true, ...contentOf(call.request) } };
    paths[`/v1/fleets/{fleet}/${call.path}`] = {
      parameters: [{ name: 'fleet', in: 'path', required: true, schema: schemaOf(FleetName) }],
      [call.method.toLowerCase()]: {
        operationId,
        summary: call.summary,
        security: [{}, { token: [] }],
        ...body,
        responses: {
          200: { description: 'The answer.', ...contentOf(call.answer) },
          ...PROBLEMS,
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Target agent',
      version: '1.0.0',
      description:
        'What the Upgrade Orchestrator asks of anything that runs instances for it. Every call ' +
        'may be repeated. Redirects are not followed.',
    },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: PROBLEM },
    },
  };
}

const PROBLEM = {
  type: 'object',
  description: 'RFC 9457',
  properties: {
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
  },
  required: ['title', 'status'],
};

const PROBLEMS = {
  400: problem('The request does not fit the contract.'),
  401: problem('The token is missing or wrong.'),
  404: problem('There is no such fleet.'),
  503: problem('Not now; ask again.'),
};

function problem(description: string): Record<string, unknown> {
  const schema = { $ref: '#/components/schemas/Problem' };
  return { description, content: { 'application/problem+json': { schema } } };
}

function contentOf(schema: z.ZodType): Record<string, unknown> {
  return { content: { 'application/json': { schema: schemaOf(schema) } } };
}

/**
 * Written out where it is used: readers of the document need not follow references. Answers are
 * described as they are read (`io: input`): they may carry more than is known here.
 */
function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const json = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' }) as Record<
    string,
    unknown
  >;
  return inlined(json, (json['$defs'] ?? {}) as Record<string, unknown>) as Record<string, unknown>;
}

function inlined(value: unknown, definitions: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((each) => inlined(each, definitions));
  if (typeof value !== 'object' || value === null) return value;
  const node = value as Record<string, unknown>;
  const reference = node['$ref'];
  if (typeof reference === 'string') {
    return inlined(definitions[reference.replace('#/$defs/', '')], definitions);
  }
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => !['$defs', '$schema', '$id', 'id'].includes(key) || isProperty(node, key))
      .map(([key, each]) => [key, inlined(each, definitions)]),
  );
}

/** `id` is a keyword beside others, and a property's name in a map of properties. */
function isProperty(node: Record<string, unknown>, key: string): boolean {
  return typeof node[key] === 'object' && key === 'id';
}
