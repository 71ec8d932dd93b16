/** Who acts when no person asked. */
export const ORCHESTRATOR = 'orchestrator';
export const MONITOR = 'canary-monitor';
