/** Bugs behind the leases. */
import { altered } from './altered.js';
import type { PlantedBug } from './planted-bug.js';

export const LEASE_BUGS: readonly PlantedBug[] = [
  {
    name: 'lease-believed-too-long',
    what: 'takes itself for the owner until it hears otherwise, though its lease has run out',
    caughtBy: ['I11'],
    seedsMax: 20,
    plant: () => ({
      leases: (leases) => {
        let held: ReturnType<typeof leases.heldNow> = [];
        return altered(leases, {
          renew: async () => {
            const renewal = await leases.renew();
            held = renewal.held;
            return renewal;
          },
          heldNow: () => [...held],
        });
      },
    }),
  },
];
