/** Every bound of this library, with its unit. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** What a topic accepts as one record batch (`max.message.bytes`). */
export const TOPIC_MESSAGE_MAX_BYTES = MIB;
/** Room for the framing of a record batch and its records inside that. */
const FRAMING_RESERVE_BYTES = KIB;
/** Framing counted for each message: lengths, deltas, attributes. */
export const MESSAGE_FRAMING_BYTES = 32;
/** Framing counted for each header of a message. */
export const HEADER_FRAMING_BYTES = 8;

/**
 * Most bytes of one produce request: key, value, headers and framing. All of it may fall into one
 * partition and is one record batch there, so it must fit what a topic accepts.
 */
export const PRODUCE_MAX_BYTES = TOPIC_MESSAGE_MAX_BYTES - FRAMING_RESERVE_BYTES;
/** Most bytes of one message; a bigger one would never be accepted. */
export const MESSAGE_MAX_BYTES = PRODUCE_MAX_BYTES;
/** Most messages of one produce request; kafkajs groups them by partition in quadratic time. */
export const PRODUCE_MAX_MESSAGES = 2_000;
/** Most slices that wait in front of the producer, and their bytes. */
export const PRODUCE_QUEUE_MAX = 1_000;
export const PRODUCE_QUEUE_MAX_BYTES = 64 * MIB;
/** Tries of one batch on one producer before that one is thrown away. */
export const PRODUCE_TRIES_PER_PRODUCER = 5;
/** Pause before the first further try of a batch, and the longest one. */
export const PRODUCE_FIRST_PAUSE_MS = 100;
export const PRODUCE_PAUSE_MAX_MS = 2_000;
/** How long the broker itself may wait for its replicas. */
export const PRODUCE_BROKER_TIMEOUT_MS = 10_000;
/** A produce request without an answer for this long: the broker counts as away. */
export const PRODUCE_STUCK_MS = 5_000;
/** How long `close` waits for what is still to be sent, unless told otherwise. */
export const PRODUCER_CLOSE_LIMIT_MS = 5_000;

/** Time to open a connection. */
export const CONNECTION_TIMEOUT_MS = 3_000;
/** A request without an answer for this long is tried again: how a half-open connection shows. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** kafkajs' own pauses between tries while the broker is away. */
export const CLIENT_FIRST_PAUSE_MS = 100;
export const CLIENT_PAUSE_MAX_MS = 2_000;
/** How often a start that waits for the broker says so. */
export const CONNECT_REPORT_MS = 5_000;
export const CONNECT_PAUSE_MS = 1_000;

/** A member that is silent for this long loses its partitions. */
export const SESSION_TIMEOUT_MS = 10_000;
export const HEARTBEAT_MS = 1_000;
/** How long members may take to come back for a rebalance. */
export const REBALANCE_TIMEOUT_MS = 30_000;
/** No sign of the group for this long: not ready. */
export const GROUP_SILENT_MS = 5_000;
/** A consumer that stopped without a word of coming back is dead after this. */
export const CRASH_REPORT_LIMIT_MS = 10_000;
/** How long a consumer may take to leave its group. */
export const CONSUMER_CLOSE_LIMIT_MS = 10_000;

/** Longest wait of a fetch for something to come. */
export const FETCH_WAIT_MS = 100;
export const FETCH_MAX_BYTES = 8 * MIB;
export const FETCH_PARTITION_MAX_BYTES = MIB;
/** Partitions of one consumer that are handled side by side. */
export const PARTITIONS_AT_ONCE = 4;
/** Most messages handed to a handler in one call. */
export const HANDLER_BATCH_MAX = 500;
/** Pause before a handler is called again after a transient fault, and the longest one. */
export const HANDLER_FIRST_PAUSE_MS = 50;
export const HANDLER_PAUSE_MAX_MS = 2_000;

/** How long new topics may take until every partition has a leader. */
export const TOPICS_READY_LIMIT_MS = 30_000;

/** Most outbox rows taken at once. */
export const RELAY_BATCH_MAX_ROWS = 200;
/** Outbox rows are taken until their messages reach this. */
export const RELAY_BATCH_BYTES = PRODUCE_MAX_BYTES;
/** Batches of one run, so that a relay under load can be stopped between two runs. */
export const RELAY_BATCHES_PER_RUN = 50;
/** Safety net beside the wake after each commit. */
export const RELAY_POLL_MS = 250;

/** Bytes of a value that a dead letter keeps. */
export const DEAD_LETTER_BODY_BYTES = 64 * KIB;
/** Bytes of a key, and of all headers, that a dead letter keeps. */
export const DEAD_LETTER_KEY_BYTES = KIB;
export const DEAD_LETTER_HEADERS_BYTES = 16 * KIB;
/** Characters of a reason that a dead letter keeps. */
export const DEAD_LETTER_REASON_LENGTH = 2_000;
/** Most dead letters listed at once. */
export const DEAD_LETTERS_LISTED_MAX = 1_000;
/** How long reading a range of a topic may take. */
export const RANGE_READ_LIMIT_MS = 30_000;
