import { z } from 'zod';
import { FLEET_LIMITS } from '../fleet-agent-limits.js';

const port = z.number().int().min(0).max(65_535);

const SetRoutes = z.strictObject({
  name: z.string(),
  /** Where this set alone answers, on loopback; 0: the proxy chooses. */
  port,
  instances: z
    .array(
      z.strictObject({
        id: z.string(),
        port: port.min(1),
        version: z.string(),
        admitted: z.boolean(),
      }),
    )
    .max(FLEET_LIMITS.instancesMax),
});
export type SetRoutes = z.infer<typeof SetRoutes>;

/** What instances of one version together get of the requests to their set. */
const Share = z.strictObject({ version: z.string(), percentage: z.number().min(0).max(100) });
export type Share = z.infer<typeof Share>;

/** Where the edge proxy may send the traffic of one fleet, as the agent tells it. */
export const FleetRoutes = z.strictObject({
  /** Where the fleet's traffic comes in; 0: the proxy chooses. */
  port,
  /** The set that the fleet's traffic goes to. */
  live: z.string(),
  /** Of the live set; null: by the number of instances. */
  share: Share.nullable(),
  sets: z.array(SetRoutes).max(FLEET_LIMITS.setsMax),
});
export type FleetRoutes = z.infer<typeof FleetRoutes>;
