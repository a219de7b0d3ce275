/* SPDX-License-Identifier: Apache-2.0
 *
 * tonus/plugin.h: what a detector and the core agree on. C11; the C++ layer is tonus/detector.hpp.
 *
 * The rules, each checked by `tonus plugin check` or by the loader:
 *  - A detector is a shared object that exports one symbol, `tonus_plugin_v1`, a function that
 * returns static data.
 *  - Everything a call is given is valid until that call returns. Everything a call hands back is
 * copied by the host before the next call. No memory that one side allocated is freed by the other.
 *  - One thread at a time for an instance and its states. Instances on different shards run at the
 * same time, so a plugin has no writable global or static variable.
 *  - No clock, random number, thread, file, socket, environment or locale: results depend on what
 * the host shows. Log time comes from `now`; timers run on log time.
 *  - No exception, longjmp or FILE crosses the line. No NaN or infinity in a finding. The
 * floating-point control word is the same on return as on entry.
 *  - Numbers are fixed-width, on little-endian hosts; enums travel as uint32_t; there is no
 * implicit padding.
 *  - Structs grow at the end only. `struct_size` says how much the writer knew; what lies beyond
 * reads as zero, and zero means "as before". Arrays carry their stride: step by it, never by
 * sizeof.
 *  - Unknown kinds, flags and relations are ignored, never fatal.
 */
#ifndef TONUS_PLUGIN_H
#define TONUS_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TONUS_ABI_MAJOR 1u
#define TONUS_ABI_MINOR 1u
#define TONUS_MAGIC 0x31534E54u /* "TNS1" */

#if defined(__GNUC__)
#define TONUS_EXPORT __attribute__((visibility("default")))
#else
#define TONUS_EXPORT
#endif

/* 0: good. < 0: an error that was explained through host->fail. */
typedef int32_t tonus_rc;
#define TONUS_OK 0
#define TONUS_ERROR (-1)       /* said in words through fail */
#define TONUS_NOT_KNOWN (-2)   /* no such name, value or record */
#define TONUS_NO_FUEL (-3)     /* this call has used up its host work */
#define TONUS_BAD_ARG (-4)     /* an argument that the header does not allow */
#define TONUS_UNSUPPORTED (-5) /* a slot that this host does not have */

/* Nanoseconds since 1970-01-01T00:00:00Z: log time or effective time, never wall time. */
typedef int64_t tonus_ns;
/* Number of an input record within its patient, from 1: what evidence points at. 0: none. */
typedef uint64_t tonus_ref;

/* UTF-8, not terminated. */
typedef struct tonus_str {
  const char* p;
  uint64_t n;
} tonus_str;
/* n elements, each `stride` bytes after the one before. */
typedef struct tonus_array {
  const void* p;
  uint32_t n, stride;
} tonus_array;

typedef struct tonus_ctx tonus_ctx;   /* host's: this call, its patient, its time, its fuel */
typedef struct tonus_host tonus_host; /* host's: services */
typedef struct tonus_instance
    tonus_instance;                     /* plugin's: one for each shard, constant after open */
typedef struct tonus_state tonus_state; /* plugin's: one for each patient */

/* ---- What a detector declares
 * ------------------------------------------------------------------------- */

enum tonus_type {
  TONUS_T_INT = 1,
  TONUS_T_REAL = 2,
  TONUS_T_TEXT = 3,
  TONUS_T_BOOL = 4,     /* in i: 0 or 1 */
  TONUS_T_DURATION = 5, /* in i: nanoseconds; written as "90s", "6h" */
  TONUS_T_CHOICE = 6    /* in i: index into the words of tonus_param.choices */
};
typedef struct tonus_value {
  uint32_t type, reserved;
  int64_t i;
  double f;
  tonus_str s;
} tonus_value;

/* A setting. The host checks type and bounds, refuses unknown keys with the nearest name, and
 * writes documentation from it. `source`: guideline or paper, `local policy`, or `unvalidated`. */
typedef struct tonus_param {
  uint32_t struct_size, type;
  tonus_str key;            /* lower_snake, unit last */
  tonus_str unit;           /* UCUM, may be empty */
  tonus_str help;           /* one sentence */
  tonus_str source;         /* where the default comes from */
  tonus_str choices;        /* TONUS_T_CHOICE: words with `|` between them */
  tonus_value dflt, lo, hi; /* lo and hi are inclusive; of INT, REAL and DURATION */
} tonus_param;

enum tonus_input_kind {
  TONUS_IN_SIGNAL = 1,         /* name: a signal of config/signals.yaml */
  TONUS_IN_PUMP = 2,           /* pump events and interrogations; name empty */
  TONUS_IN_ORDER = 3,          /* name: a drug or drug class; empty: any */
  TONUS_IN_ADMINISTRATION = 4, /* as ORDER */
  TONUS_IN_PROCEDURE = 5,      /* name empty: any */
  TONUS_IN_ENCOUNTER = 6,
  TONUS_IN_PATIENT = 7,
  TONUS_IN_FINDING = 8, /* name: a condition of another detector, which then runs before this one */
  TONUS_IN_CUSTOM = 9
};
#define TONUS_IN_WAKES 1u /* call on_event when it arrives; without it only the record is read */
#define TONUS_IN_REQUIRED \
  2u /* a host that does not know the name refuses the plugin; otherwise it is ignored */
/* What a detector reads, and what wakes it. */
typedef struct tonus_input {
  uint32_t struct_size, kind, flags, reserved;
  tonus_str name;
  tonus_ns lookback; /* how far back it reads; sizes the host's rings */
} tonus_input;

/* Another condition that has to be thought of beside this one. */
typedef struct tonus_competitor {
  uint32_t struct_size, reserved;
  tonus_str condition;
  tonus_str why; /* one clause, general: what makes it more or less likely */
} tonus_competitor;

/* A condition that a detector may state. One detector owns a condition; names of others' are
 * `vendor.condition`. */
typedef struct tonus_condition {
  uint32_t struct_size, flags;
  tonus_str name;  /* lower_snake, `withdrawal` */
  tonus_str title; /* "Baclofen withdrawal" */
  /* One sentence; the host fills {tier}, {title}, {reasons} (the weightiest evidence in words),
   * {first} (the weightiest alone) and {text} (tonus_finding.text). */
  tonus_str headline;
  tonus_array tiers;       /* of tonus_str, rising; tonus_finding.tier is an index */
  tonus_array work_up;     /* of tonus_str: steps in the literature's order; never a dose */
  tonus_array competitors; /* of tonus_competitor */
  tonus_str source;        /* where the logic comes from */
} tonus_condition;

/* ---- What a detector is shown
 * ------------------------------------------------------------------------- */

#define TONUS_KNOWN 1u /* there is a value */
#define TONUS_STALE 2u /* older than its limit and than three usual intervals of its source */
#define TONUS_LATE                                                               \
  4u /* arrived after a newer value of its signal, or event of its kind and drug \
      */

/* One observed value in the signal's canonical unit (config/signals.yaml). A yes/no finding is 1 or
 * 0. */
typedef struct tonus_sample {
  tonus_ns effective;
  tonus_ref ref;
  double value;
  uint32_t signal, flags;
  tonus_str site; /* empty: none, or the whole body */
} tonus_sample;

/* A patient's own normal for a signal. */
enum tonus_baseline_status {
  TONUS_BASELINE_NONE = 0,
  TONUS_BASELINE_PROVISIONAL = 1,
  TONUS_BASELINE_ESTABLISHED = 2
};
typedef struct tonus_baseline {
  uint32_t struct_size, status;
  double median, mad;
  uint32_t n, reserved; /* values (hourly means of dense signals) behind it */
  tonus_ns from, to;
} tonus_baseline;

/* Statistics over effective time from ≤ t < to; of samples in the ring exact, beyond it exact to
 * the minute. */
typedef struct tonus_stats {
  uint32_t struct_size, n;
  double min, max, mean, first, last;
  tonus_ns first_at, last_at, min_at, max_at;
} tonus_stats;

#define TONUS_SUMMARY_SLOPE 1u /* slope_per_hour is known: values of two times or more */
/* How a signal went over effective time from ≤ t < to. The host fills as much as struct_size says
 * on entry. Exact over the raw samples, to the minute beyond them, to the hour beyond that: a
 * minute then counts whole, its values lie at its middle for the slope, and its mean is what holds.
 * n 0: nothing else is known. */
typedef struct tonus_summary {
  uint32_t struct_size, n;
  double min, max, mean, first, last;
  tonus_ns first_at, last_at, min_at, max_at;
  tonus_ns above;        /* time during which the value that held was greater than the threshold */
  tonus_ns covered;      /* time during which any value held */
  double slope_per_hour; /* of the least-squares line, canonical unit per hour */
  uint32_t flags, reserved;
} tonus_summary;

enum tonus_route {
  TONUS_ROUTE_UNKNOWN = 0,
  TONUS_ROUTE_ORAL = 1,
  TONUS_ROUTE_ENTERAL = 2,
  TONUS_ROUTE_IV = 3,
  TONUS_ROUTE_INTRATHECAL = 4,
  TONUS_ROUTE_TRANSDERMAL = 5,
  TONUS_ROUTE_OTHER = 6
};
enum tonus_dose_status {
  TONUS_DOSE_GIVEN = 1,
  TONUS_DOSE_MISSED = 2,
  TONUS_DOSE_HELD = 3,
  TONUS_DOSE_REFUSED = 4
};
#define TONUS_HAS_DOSE_MG 1u
#define TONUS_HAS_DOSE_UG 2u
#define TONUS_HAS_RASS_TARGET 4u
#define TONUS_PLANNED 8u
#define TONUS_AS_NEEDED 16u
/* One entry of the medication record. */
typedef struct tonus_dose {
  tonus_ns effective;
  tonus_ref ref;
  uint32_t drug, route, status, flags;
  double dose_mg, dose_ug; /* HAS_… says which is known */
  tonus_str reason;
} tonus_dose;

enum tonus_order_status { TONUS_ORDER_ACTIVE = 1, TONUS_ORDER_HELD = 2, TONUS_ORDER_STOPPED = 3 };
/* One order (drug and route, or its id) as it stands now; stopped ones stay visible for 90 days. */
typedef struct tonus_order {
  tonus_ns since;      /* since when this drug and route have been ordered without a stop */
  tonus_ns changed_at; /* effective time of the last change of dose, hold, stop or resume */
  tonus_ref ref;       /* of that last change */
  uint32_t drug, route, status, flags;
  double dose_mg, dose_ug; /* one dose, or of one interval for a continuous infusion */
  double previous_daily_mg, previous_daily_ug; /* before the last change; 0: none */
  tonus_ns interval;                           /* 0: single or unknown */
  double rass_target;
  tonus_str reason; /* of the last change */
} tonus_order;

#define TONUS_PUMP_EXPECTED_ML 1u
#define TONUS_PUMP_ASPIRATED_ML 2u
#define TONUS_PUMP_FILLED_ML 4u
#define TONUS_PUMP_CONCENTRATION 8u
#define TONUS_PUMP_DAILY_DOSE 16u
#define TONUS_PUMP_DOSE 32u
#define TONUS_PUMP_COMPUTED_ML 64u
#define TONUS_PUMP_EV_PLANNED 128u
#define TONUS_PUMP_EV_NORMAL 256u /* interrogation: as programmed, no fault */
/* A pump event, or an interrogation (kind `interrogation`). flags: which numbers are known. */
typedef struct tonus_pump_event {
  tonus_ns effective;
  tonus_ref ref;
  uint32_t kind, flags; /* kind: resolved name of TONUS_NAME_PUMP_EVENT */
  double expected_ml, aspirated_ml, filled_ml, concentration_ug_per_ml, daily_dose_ug, dose_ug,
      computed_reservoir_ml;
  tonus_array faults; /* interrogation: of uint32_t, pump event kinds */
  tonus_str reason;
} tonus_pump_event;

#define TONUS_PUMP_HAS 1u /* an intrathecal pump is on record */
#define TONUS_PUMP_KNOWN_CONCENTRATION 2u
#define TONUS_PUMP_KNOWN_DAILY_DOSE 4u
#define TONUS_PUMP_KNOWN_LOW_ALARM 8u
#define TONUS_PUMP_KNOWN_CAPACITY 16u
#define TONUS_PUMP_KNOWN_IMPLANTED 32u
#define TONUS_PUMP_KNOWN_RESERVOIR 64u
/* The pump as of now, from the snapshot, interrogations and events together. */
typedef struct tonus_pump {
  uint32_t struct_size, flags;
  uint32_t drug, reserved;
  tonus_str model;
  tonus_ns implanted;
  double concentration_ug_per_ml, daily_dose_ug, low_reservoir_alarm_ml, reservoir_capacity_ml;
  tonus_ns last_refill, last_interrogation; /* 0: never */
  tonus_ref last_refill_ref, last_interrogation_ref;
  /* Volume that arithmetic leaves in the reservoir now (fill − programmed delivery since −
   * boluses), millilitres. Not measured. */
  double reservoir_ml;
} tonus_pump;

#define TONUS_PROC_HAS_DOSE_UG 1u
#define TONUS_PROC_PLANNED 2u
typedef struct tonus_procedure {
  tonus_ns effective;
  tonus_ref ref;
  uint32_t kind, flags;
  double dose_ug;
  tonus_str phase, result, response, reason;
} tonus_procedure;

#define TONUS_PATIENT_HAS_AGE 1u
#define TONUS_PATIENT_HAS_WEIGHT 2u
#define TONUS_PATIENT_SPO2_SCALE_2 4u
typedef struct tonus_patient {
  uint32_t struct_size, flags;
  double age_years, weight_kg;
  tonus_str sci_level; /* "T4"; empty: no spinal cord injury on record */
  tonus_str unit, bed;
  tonus_array diagnoses; /* of tonus_str */
  tonus_ns first_seen;   /* log time of the patient's first record */
} tonus_patient;

/* Another detector's open finding. */
typedef struct tonus_peer_finding {
  uint32_t struct_size, tier, priority, reserved;
  tonus_ns since;      /* open since, log time */
  tonus_ns tier_since; /* at this tier since */
} tonus_peer_finding;

enum tonus_event_kind {
  TONUS_EV_OBSERVATIONS = 1,   /* samples: of tonus_sample */
  TONUS_EV_PUMP = 2,           /* body: tonus_pump_event */
  TONUS_EV_ORDER = 3,          /* body: tonus_order, as it stands after the event */
  TONUS_EV_ADMINISTRATION = 4, /* body: tonus_dose */
  TONUS_EV_PROCEDURE = 5,      /* body: tonus_procedure */
  TONUS_EV_ENCOUNTER = 6,
  TONUS_EV_PATIENT = 7, /* body: tonus_patient */
  TONUS_EV_FINDING =
      8, /* body: tonus_peer_finding; `name_id`: its condition. Cleared: body is null */
  TONUS_EV_CUSTOM = 9
};
/* What happened. The record (below) already contains it. */
typedef struct tonus_event {
  uint32_t struct_size, kind;
  tonus_ref ref;
  tonus_ns recorded, effective;
  uint32_t flags, name_id; /* flags: LATE */
  tonus_array samples;
  const void* body;
} tonus_event;

/* ---- What a detector says
 * ------------------------------------------------------------------------------ */

enum tonus_priority { TONUS_INFO = 1, TONUS_LOW = 2, TONUS_MEDIUM = 3, TONUS_HIGH = 4 };

enum tonus_role {
  TONUS_FOR = 1,
  TONUS_AGAINST = 2,
  TONUS_MISSING = 3,    /* name: what is absent or stale; `at`: its newest value, 0: never seen */
  TONUS_COMPETING = 4,  /* name: a condition; text: why more or less likely in this patient */
  TONUS_SUPPRESSED = 5, /* name: what was seen and did not count; text: why */
  TONUS_WORK_UP = 6     /* text: one more step, after the condition's own */
};
enum tonus_relation {
  TONUS_REL_NONE = 0,  /* the text says it */
  TONUS_REL_VALUE = 1, /* the value itself */
  TONUS_REL_GE = 2,
  TONUS_REL_LE = 3,
  TONUS_REL_GT = 4,
  TONUS_REL_LT = 5,
  TONUS_REL_RISE = 6,  /* value above baseline */
  TONUS_REL_FALL = 7,  /* value below baseline */
  TONUS_REL_EVENT = 8, /* it happened at `at` */
  TONUS_REL_SINCE = 9  /* it has held since `at` */
};
#define TONUS_EVI_VALUE 1u
#define TONUS_EVI_BASELINE 2u
#define TONUS_EVI_THRESHOLD 4u
#define TONUS_EVI_WEIGHT 8u
#define TONUS_EVI_PARAM 16u
/* One reason. The host writes the sentence from name, relation and numbers, and adds `text` after
 * it. */
typedef struct tonus_evidence {
  uint32_t struct_size, role, relation, known; /* known: TONUS_EVI_… */
  tonus_str name; /* canonical: a signal, pump event, procedure, drug or condition, or a rule's own
                     name */
  tonus_str text; /* a short clause, may be empty */
  tonus_str unit; /* UCUM; empty: the signal's own */
  double value, baseline, threshold, weight;
  uint32_t param, reserved; /* index of the setting that holds the threshold */
  tonus_ns at;
  tonus_array refs; /* of tonus_ref: the records it rests on */
} tonus_evidence;

#define TONUS_FINDING_CLEAR \
  1u /* the condition does not hold (any more); evidence says why, may be empty */
#define TONUS_FINDING_HOLD 2u /* must not end or step down by the host's own rules */
/* The whole present opinion on one condition; replaces the one before. Saying the same again
 * changes nothing. */
typedef struct tonus_finding {
  uint32_t struct_size, flags;
  uint32_t condition, tier, priority,
      reserved; /* condition: index into tonus_detector.conditions */
  tonus_array evidence;
  tonus_str text; /* for {text} in the headline, a short clause; may be empty */
} tonus_finding;

/* ---- Services
 * ------------------------------------------------------------------------------------------ */

enum tonus_name_space {
  TONUS_NAME_SIGNAL = 1,
  TONUS_NAME_PUMP_EVENT = 2,
  TONUS_NAME_PROCEDURE = 3,
  TONUS_NAME_DRUG = 4,
  TONUS_NAME_DRUG_CLASS = 5,
  TONUS_NAME_CONDITION = 6
};
enum tonus_log_level { TONUS_LOG_DEBUG = 1, TONUS_LOG_INFO = 2, TONUS_LOG_WARN = 3 };

/* Core services, for the thread of the call and while it lasts. Those with a `host` need no
 * patient. Those with a `ctx` do, but for now, fail and fuel: in open they answer BAD_ARG. What
 * save and load ask for never counts. A slot that a host lacks is a stub that fails in words, never
 * null. */
struct tonus_host {
  uint32_t struct_size, abi_major, abi_minor, reserved;
  /* A table by id, such as "tonus.record/1"; null if this host does not have it. From open on. */
  const void* (*query)(const tonus_host* host, const char* id);
  /* Name → id, constant for the life of the instance; in open only. NOT_KNOWN: configuration does
   * not have it. */
  tonus_rc (*resolve)(const tonus_host* host, uint32_t name_space, tonus_str name, uint32_t* id);
  /* Id → name; views into the host, constant for the life of the instance. */
  tonus_rc (*name_of)(const tonus_host* host, uint32_t name_space, uint32_t id, tonus_str* name);
  /* The value in force of setting number `param`; in open only. */
  tonus_rc (*config)(const tonus_host* host, uint32_t param, tonus_value* out);
  /* A line for operators; limited in rate, not part of results. No patient data. */
  void (*log)(const tonus_host* host, uint32_t level, tonus_str text);
  /* Log time of this call: of the record, or the deadline of the timer. */
  tonus_ns (*now)(tonus_ctx* ctx);
  /* One timer for each (patient, id), id < 64; setting it again moves it. A deadline that is not
   * after now fires once after this call. The host keeps timers across restarts. */
  tonus_rc (*set_timer)(tonus_ctx* ctx, uint32_t id, tonus_ns deadline);
  tonus_rc (*cancel_timer)(tonus_ctx* ctx, uint32_t id);
  /* States a condition. */
  tonus_rc (*report)(tonus_ctx* ctx, const tonus_finding* finding);
  /* Explains the error that this call is about to return; copied at once. */
  tonus_rc (*fail)(tonus_ctx* ctx, tonus_rc code, tonus_str text);
  /* Host work that is left to this call: counts calls and rows, not time. */
  uint32_t (*fuel)(tonus_ctx* ctx);
};

#define TONUS_RECORD_1 "tonus.record/1"
/* The patient's record as of this call, read only. Arrays are valid until the call returns. Times:
 * from ≤ t < to, by effective time, oldest first. Ids that are 0 mean "any" where it says so. */
typedef struct tonus_record_1 {
  uint32_t struct_size, reserved;
  /* The newest value. `site` empty: whichever site is newest. NOT_KNOWN: never seen. STALE in
   * out->flags. */
  tonus_rc (*latest)(tonus_ctx* ctx, uint32_t signal, tonus_str site, tonus_sample* out);
  /* Raw samples still in the ring (dense signals: the last 512; assessments and laboratory: the
   * last 128). */
  tonus_rc (*window)(tonus_ctx* ctx, uint32_t signal, tonus_ns from, tonus_ns to,
                     tonus_array* samples);
  tonus_rc (*stats)(tonus_ctx* ctx, uint32_t signal, tonus_ns from, tonus_ns to, tonus_stats* out);
  /* This patient's own normal. For a site without history the whole-body value stands in. */
  tonus_rc (*baseline)(tonus_ctx* ctx, uint32_t signal, tonus_str site, tonus_baseline* out);
  /* Doses of a drug, any route; drug 0: any. Of tonus_dose. */
  tonus_rc (*doses)(tonus_ctx* ctx, uint32_t drug, tonus_ns from, tonus_ns to, tonus_array* doses);
  /* Orders of a drug; drug 0: any. Of tonus_order, by `since`. */
  tonus_rc (*orders)(tonus_ctx* ctx, uint32_t drug, tonus_array* orders);
  /* Whether a drug belongs to a class: 1 or 0. */
  uint32_t (*drug_in_class)(tonus_ctx* ctx, uint32_t drug, uint32_t drug_class);
  /* Pump events and interrogations; kind 0: any. Of tonus_pump_event. */
  tonus_rc (*pump_events)(tonus_ctx* ctx, uint32_t kind, tonus_ns from, tonus_ns to,
                          tonus_array* events);
  tonus_rc (*pump)(tonus_ctx* ctx, tonus_pump* out);
  /* Procedures; kind 0: any. Of tonus_procedure. */
  tonus_rc (*procedures)(tonus_ctx* ctx, uint32_t kind, tonus_ns from, tonus_ns to,
                         tonus_array* procedures);
  tonus_rc (*patient)(tonus_ctx* ctx, tonus_patient* out);
  /* Another detector's finding, of a condition declared as input. NOT_KNOWN: not open. */
  tonus_rc (*finding)(tonus_ctx* ctx, uint32_t condition, tonus_peer_finding* out);
  /* Since minor version 1; a host of an older one has a smaller struct_size.
   * A value holds until the next one, for `longest_hold` at the most. `site` empty: any; of one
   * site only raw samples are known. out->struct_size is set by the caller. */
  tonus_rc (*summary)(tonus_ctx* ctx, uint32_t signal, tonus_str site, tonus_ns from, tonus_ns to,
                      double threshold, tonus_ns longest_hold, tonus_summary* out);
} tonus_record_1;

/* Bounded by state_bytes_max; fails beyond it. */
typedef struct tonus_writer {
  void* self;
  tonus_rc (*write)(void* self, const void* p, uint64_t n);
} tonus_writer;
/* May give fewer bytes than asked; 0 at the end; < 0 error. */
typedef struct tonus_reader {
  void* self;
  int64_t (*read)(void* self, void* p, uint64_t n);
} tonus_reader;

/* ---- The detector
 * ---------------------------------------------------------------------------------------- */

typedef struct tonus_detector {
  uint32_t struct_size, flags;
  tonus_str id;      /* reverse DNS; never changes: `org.tonus.withdrawal` */
  tonus_str name;    /* `withdrawal`: what configuration and alerts say */
  tonus_str version; /* semantic version */
  tonus_str vendor;
  tonus_str evidence_url;               /* where its logic is written down */
  tonus_array params;                   /* of tonus_param */
  tonus_array inputs;                   /* of tonus_input */
  tonus_array conditions;               /* of tonus_condition, at least one */
  uint32_t state_version, state_oldest; /* save writes the first; load reads from the second on */
  uint64_t state_bytes_max;
  uint32_t fuel_per_call; /* host calls and rows that one call may use; 0: the host's default */
  uint32_t call_us_max; /* what one call takes at the most; 0: the host's default. Never decides an
                           alert */
  /* The functions. All are called on the thread of one shard, never two at a time for one instance.
   * `ctx` is the host's, of this call alone. Any that returns a tonus_rc < 0 says why through
   * host->fail first; what it asked for (findings, timers) then does not count.
   *
   * open: makes the instance of a shard; `host` lives as long as it. The only place for resolve and
   * config; query is usual here, too. There is no patient: no record, timer or report. On an error
   * nothing is left behind, and close is not called: the detector does not start, and the core
   * says so in its words. */
  tonus_rc (*open)(const tonus_host* host, tonus_ctx* ctx, tonus_instance** out);
  /* close: frees what open made. All states have been ended before. No service may be called. */
  void (*close)(tonus_instance* instance);
  /* begin: the state of a patient, at his first record; not called where load made it. Owned by
   * the plugin until end. The record can be read, timers can be set. On an error this patient is
   * not watched by this detector, and a technical alert says so. */
  tonus_rc (*begin)(tonus_instance* instance, tonus_ctx* ctx, tonus_state** out);
  /* end: frees a state that begin or load made. No service may be called. */
  void (*end)(tonus_instance* instance, tonus_state* state);
  /* on_event: something came in that an input with WAKES names; the record contains it already.
   * `event` and all it points to are gone after the call. Kinds that are not known are ignored. On
   * an error the detector no longer watches this patient, and a technical alert says so. */
  tonus_rc (*on_event)(tonus_instance* instance, tonus_state* state, tonus_ctx* ctx,
                       const tonus_event* event);
  /* on_timer: timer `id` of this patient is due; now is its deadline, and it is no longer set. On
   * an error as on_event. */
  tonus_rc (*on_timer)(tonus_instance* instance, tonus_state* state, tonus_ctx* ctx, uint32_t id);
  /* save: writes the state, at most state_bytes_max bytes in any number of pieces, and changes
   * nothing. Called between any two other calls. save → load → save is byte-equal: no pointers, no
   * padding, ids as names. No report or timer. */
  tonus_rc (*save)(tonus_instance* instance, const tonus_state* state, tonus_ctx* ctx,
                   const tonus_writer* writer);
  /* load: makes a state of what save of `version` (state_oldest to state_version) wrote. The reader
   * may give fewer bytes than asked for: read in a loop until 0. Bytes that are cut short or
   * damaged are an error, and then nothing is left behind: the host says so and does
   * without what was saved. No report or timer: the host keeps both. */
  tonus_rc (*load)(tonus_instance* instance, tonus_ctx* ctx, uint32_t version,
                   const tonus_reader* reader, tonus_state** out);
  /* query: the plugin's own optional tables by "name/revision"; null if there is none of that name.
   * May be null itself. This is how later versions extend both sides without a change here. */
  const void* (*query)(const char* id);
} tonus_detector;

typedef struct tonus_plugin {
  uint32_t magic, struct_size, abi_major, abi_minor;
  tonus_array detectors; /* of tonus_detector */
} tonus_plugin;

/* The one exported symbol. Static data; no effect; callable before anything else. */
TONUS_EXPORT const tonus_plugin* tonus_plugin_v1(void);
typedef const tonus_plugin* (*tonus_plugin_v1_fn)(void);
#define TONUS_ENTRY_SYMBOL "tonus_plugin_v1"

#ifdef __cplusplus
}
#endif
#endif
