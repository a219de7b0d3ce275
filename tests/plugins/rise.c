/* A small, good detector for tests of the host: says `zoo.rise` from HR alone.
 * HR >= 100: watch, medium. >= 130: sure, high. Clears below 100. No HR for two hours: `zoo.quiet`,
 * info. Variants (ZOO_...) break one rule each; tests/contract/abi_test.cc says what the loader or
 * host answers. */
#ifdef ZOO_THREADS
#include <pthread.h>
#endif
#include <math.h>
#if defined(ZOO_OPENS_FILE)
#include <stdio.h>
#endif
#include <stdlib.h>
#include <string.h>

#if defined(ZOO_READS_CLOCK)
#include <time.h>
#endif

#include "tonus/plugin.h"

#ifndef ZOO_NAME
#define ZOO_NAME "rise"
#endif
#ifndef ZOO_CONDITION
#define ZOO_CONDITION "zoo.rise"
#endif
#define S(text) \
  { text, sizeof(text) - 1 }
#define ARRAY(items) \
  { items, sizeof(items) / sizeof(items[0]), sizeof(items[0]) }

struct tonus_instance {
  const tonus_host* host;
  const tonus_record_1* record;
  uint32_t hr;
  double limit;
};
struct tonus_state {
  uint64_t seen;
};

static const tonus_param kParams[] = {
#ifdef ZOO_BAD_DEFAULT
    {sizeof(tonus_param),
     TONUS_T_REAL,
     S("limit_per_min"),
     S("/min"),
     S("Heart rate to speak from."),
     S("unvalidated"),
     {0, 0},
     {TONUS_T_REAL, 0, 0, 500, {0, 0}},
     {TONUS_T_REAL, 0, 0, 60, {0, 0}},
     {TONUS_T_REAL, 0, 0, 200, {0, 0}}},
#else
    {sizeof(tonus_param),
     TONUS_T_REAL,
     S("limit_per_min"),
     S("/min"),
     S("Heart rate to speak from."),
     S("unvalidated"),
     {0, 0},
     {TONUS_T_REAL, 0, 0, 100, {0, 0}},
     {TONUS_T_REAL, 0, 0, 60, {0, 0}},
     {TONUS_T_REAL, 0, 0, 200, {0, 0}}},
#endif
};
static const tonus_input kInputs[] = {
    {sizeof(tonus_input), TONUS_IN_SIGNAL, TONUS_IN_WAKES, 0, S("HR"), 0},
#ifdef ZOO_NEEDS
    {sizeof(tonus_input), TONUS_IN_SIGNAL, TONUS_IN_REQUIRED, 0, S(ZOO_NEEDS), 0},
#endif
#ifdef ZOO_READS
    {sizeof(tonus_input), TONUS_IN_FINDING, TONUS_IN_WAKES, 0, S(ZOO_READS), 0},
#endif
};
static const tonus_str kTiers[] = {S("watch"), S("sure")};
static const tonus_str kWorkUp[] = {S("Look at the patient.")};
static const tonus_competitor kCompetitors[] = {
    {sizeof(tonus_competitor), 0, S("infection"), S("fever speaks for it")}};
static const tonus_condition kConditions[] = {
    {sizeof(tonus_condition), 0, S(ZOO_CONDITION), S("Fast heart"),
     S("{title} ({tier}): {reasons}"), ARRAY(kTiers), ARRAY(kWorkUp), ARRAY(kCompetitors),
     S("made up for tests")},
    {sizeof(tonus_condition),
     0,
     S(ZOO_CONDITION "_quiet"),
     S("No heart rate"),
     S("{title}: {reasons}"),
     ARRAY(kTiers),
     {0, 0, 0},
     {0, 0, 0},
     S("made up for tests")},
};

static tonus_rc say(tonus_ctx* ctx, const char* words) {
  (void)ctx;
  (void)words;
  return TONUS_ERROR;
}

#ifdef ZOO_COUNTS_RUNS
static unsigned opens;
#endif

static tonus_rc zoo_open(const tonus_host* host, tonus_ctx* ctx, tonus_instance** out) {
  tonus_value limit;
  tonus_str hr = S("HR");
  tonus_instance* self = calloc(1, sizeof *self);
#ifdef ZOO_COUNTS_RUNS
  ++opens;
#endif
#ifdef ZOO_OPEN_FAILS
  tonus_str words = S("the moon is not in the right phase");
  free(self);
  host->fail(ctx, TONUS_ERROR, words);
  return TONUS_ERROR;
#endif
  self->host = host;
  self->record = host->query(host, TONUS_RECORD_1);
  host->resolve(host, TONUS_NAME_SIGNAL, hr, &self->hr);
  if (host->config(host, 0, &limit) != TONUS_OK) return say(ctx, "no setting");
  self->limit = limit.f;
  *out = self;
  return TONUS_OK;
}
static void zoo_close(tonus_instance* self) {
#ifdef ZOO_LEAKS
  (void)self;
#else
  free(self);
#endif
}
static tonus_rc zoo_begin(tonus_instance* self, tonus_ctx* ctx, tonus_state** out) {
  (void)self;
  (void)ctx;
#ifdef ZOO_UNINITIALISED
  *out = malloc(sizeof **out);
#else
  *out = calloc(1, sizeof **out);
#endif
  return TONUS_OK;
}
static void zoo_end(tonus_instance* self, tonus_state* state) {
  (void)self;
#ifdef ZOO_LEAKS_STATES
  (void)state;
#else
  free(state);
#endif
}

#if defined(ZOO_SHARES)
static double last_of_anyone;
#elif defined(ZOO_THREADS)
static void* idle(void* nothing) { return nothing; }
#elif defined(ZOO_KEEPS_POINTER)
static const tonus_sample* kept;
#endif

/* What variants add to a heart rate: something that is none of their business. */
static double bias(const tonus_state* state, const tonus_sample* sample) {
  (void)state;
  (void)sample;
#if defined(ZOO_SHARES)
  {
    const double before = last_of_anyone;
    last_of_anyone = sample->value;
    return before / 4;
  }
#elif defined(ZOO_COUNTS_RUNS)
  return opens * 3.0;
#elif defined(ZOO_POINTER_ORDER)
  return (double)(((uintptr_t)state >> 12) % 64);
#elif defined(ZOO_UNINITIALISED) || defined(ZOO_FORGETS)
  return (double)(state->seen % 64);
#elif defined(ZOO_READS_CLOCK)
  return (double)(time(0) % 2);
#elif defined(ZOO_READS_COUNTER)
  return (double)(__builtin_ia32_rdtsc() % 2);
#elif defined(ZOO_OPENS_FILE)
  {
    FILE* file = fopen("/etc/hostname", "r");
    if (file != 0) fclose(file);
    return 0;
  }
#elif defined(ZOO_RAW_SYSCALL)
  {
    long answer = 257; /* openat, without the C library */
    __asm__ volatile("syscall"
                     : "+a"(answer)
                     : "D"(-100L), "S"("/etc/hostname"), "d"(0L)
                     : "rcx", "r11", "memory");
    return 0;
  }
#elif defined(ZOO_THREADS)
  {
    pthread_t thread;
    if (pthread_create(&thread, 0, idle, 0) == 0) pthread_join(thread, 0);
    return 0;
  }
#elif defined(ZOO_KEEPS_POINTER)
  {
    const double before = kept == 0 ? 0 : kept->value;
    kept = sample;
    return before > 0 && before < 300 ? 0 : 30;
  }
#else
  return 0;
#endif
}

static tonus_rc speak(tonus_instance* self, tonus_ctx* ctx, const tonus_sample* sample) {
  tonus_ref ref = sample->ref;
  tonus_evidence evidence[2] = {{sizeof(tonus_evidence),
                                 TONUS_FOR,
                                 TONUS_REL_GE,
                                 TONUS_EVI_VALUE | TONUS_EVI_THRESHOLD | TONUS_EVI_PARAM,
                                 S("HR"),
                                 {0, 0},
                                 {0, 0},
                                 sample->value,
                                 0,
                                 self->limit,
                                 0,
                                 0,
                                 0,
                                 sample->effective,
                                 {0, 0, 0}},
                                {sizeof(tonus_evidence),
                                 TONUS_MISSING,
                                 TONUS_REL_NONE,
                                 0,
                                 S("TEMP"),
                                 {0, 0},
                                 {0, 0},
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 {0, 0, 0}}};
  tonus_finding finding = {sizeof finding,
                           0,
                           0,
                           sample->value >= 130 ? 1u : 0u,
                           sample->value >= 130 ? TONUS_HIGH : TONUS_MEDIUM,
                           0,
                           {0, 0, 0},
                           {0, 0}};
  evidence[0].refs.p = &ref;
  evidence[0].refs.n = 1;
  evidence[0].refs.stride = sizeof ref;
  finding.evidence.p = evidence;
  finding.evidence.n = 2;
  finding.evidence.stride = sizeof evidence[0];
  if (sample->value < self->limit) {
    finding.flags = TONUS_FINDING_CLEAR;
    finding.evidence.n = 0;
#ifdef ZOO_HOLDS
    if (sample->value < 60) finding.flags |= TONUS_FINDING_HOLD;
#endif
  }
#ifdef ZOO_NAN
  evidence[0].value = NAN;
#endif
#ifdef ZOO_BAD_TEXT
  evidence[0].text.p = "\xff\xfe";
  evidence[0].text.n = 2;
#endif
#ifdef ZOO_BAD_TIER
  finding.tier = 7;
#endif
#ifdef ZOO_BAD_CONDITION
  finding.condition = 9;
#endif
  return self->host->report(ctx, &finding);
}

static tonus_rc zoo_on_event(tonus_instance* self, tonus_state* state, tonus_ctx* ctx,
                             const tonus_event* event) {
  uint32_t i;
  tonus_finding quiet = {sizeof quiet, TONUS_FINDING_CLEAR, 1, 0, TONUS_INFO, 0, {0, 0, 0}, {0, 0}};
  tonus_rc rc;
  ++state->seen;
#ifdef ZOO_REFUSES_UNKNOWN
  if (event->kind > TONUS_EV_CUSTOM) return TONUS_ERROR;
#endif
  if (event->kind != TONUS_EV_OBSERVATIONS) return TONUS_OK;
#ifdef ZOO_CRASHES
  __builtin_trap();
#endif
#ifdef ZOO_FAILS
  {
    tonus_str words = S("lost its way");
    self->host->fail(ctx, TONUS_ERROR, words);
    return TONUS_ERROR;
  }
#endif
#ifdef ZOO_BURNS
  {
    tonus_array samples;
    while (self->record->window(ctx, self->hr, 0, INT64_MAX, &samples) == TONUS_OK) {
    }
  }
#endif
#ifdef ZOO_NOW
  self->host->set_timer(ctx, 3, self->host->now(ctx));
#endif
  for (i = 0; i < event->samples.n; ++i) {
#ifdef ZOO_STEPS_BY_SIZEOF
    const tonus_sample* sample = (const tonus_sample*)event->samples.p + event->samples.n - 1;
    tonus_sample seen = *sample;
#else
    const tonus_sample* sample =
        (const tonus_sample*)(const void*)((const char*)event->samples.p +
                                           (size_t)event->samples.stride * i);
    tonus_sample seen = *sample;
#endif
    if (sample->signal != self->hr) continue;
    seen.value += bias(state, sample);
#ifdef ZOO_HANGS
    while (seen.value > 150) __asm__ volatile("");
#endif
    rc = speak(self, ctx, &seen);
    if (rc != TONUS_OK) return rc;
    rc = self->host->set_timer(ctx, 1, self->host->now(ctx) + INT64_C(7200000000000));
    if (rc != TONUS_OK) return rc;
    rc = self->host->report(ctx, &quiet);
    if (rc != TONUS_OK) return rc;
  }
  return TONUS_OK;
}

static tonus_rc zoo_on_timer(tonus_instance* self, tonus_state* state, tonus_ctx* ctx,
                             uint32_t id) {
  tonus_sample last;
  tonus_str any = {0, 0};
  tonus_evidence evidence = {sizeof evidence,
                             TONUS_MISSING,
                             TONUS_REL_NONE,
                             0,
                             S("HR"),
                             {0, 0},
                             {0, 0},
                             0,
                             0,
                             0,
                             0,
                             0,
                             0,
                             0,
                             {0, 0, 0}};
  tonus_finding quiet = {sizeof quiet, 0, 1, 0, TONUS_INFO, 0, {0, 0, 0}, {0, 0}};
  (void)state;
#ifdef ZOO_NOW
  if (id == 3) return self->host->set_timer(ctx, 3, self->host->now(ctx));
#endif
  if (id != 1) return TONUS_OK;
  if (self->record->latest(ctx, self->hr, any, &last) == TONUS_OK) evidence.at = last.effective;
  quiet.evidence.p = &evidence;
  quiet.evidence.n = 1;
  quiet.evidence.stride = sizeof evidence;
  return self->host->report(ctx, &quiet);
}

#ifdef ZOO_SAVE_FAILS
static const tonus_str kNoPen = S("has no pen");
#endif
#ifdef ZOO_LOAD_FAILS
static const tonus_str kNoGlasses = S("has lost its glasses");
#endif

static tonus_rc zoo_save(tonus_instance* self, const tonus_state* state, tonus_ctx* ctx,
                         const tonus_writer* writer) {
#ifdef ZOO_SAVE_FAILS
  (void)state;
  (void)writer;
  self->host->fail(ctx, TONUS_ERROR, kNoPen);
  return TONUS_ERROR;
#else
  tonus_rc rc = TONUS_OK;
  (void)self;
  (void)ctx;
#ifdef ZOO_SAVES_TOO_MUCH
  for (int i = 0; i < 64 && rc == TONUS_OK; ++i) {
    rc = writer->write(writer->self, state, sizeof *state);
  }
#endif
#ifdef ZOO_FORGETS
  {
    const tonus_state nothing = {0};
    return writer->write(writer->self, &nothing, sizeof nothing);
  }
#endif
  return rc != TONUS_OK ? rc : writer->write(writer->self, state, sizeof *state);
#endif
}
static tonus_rc zoo_load(tonus_instance* self, tonus_ctx* ctx, uint32_t version,
                         const tonus_reader* reader, tonus_state** out) {
  tonus_state* state = NULL;
  (void)self;
  (void)ctx;
  *out = NULL;
#ifdef ZOO_LOAD_FAILS
  (void)version;
  (void)reader;
  (void)state;
  self->host->fail(ctx, TONUS_ERROR, kNoGlasses);
  return TONUS_ERROR;
#else
  if (version != 1) return TONUS_ERROR;
  state = calloc(1, sizeof *state);
  if (state == NULL) return TONUS_ERROR;
  for (size_t have = 0; have < sizeof *state;) {
    const int64_t got = reader->read(reader->self, (char*)state + have, sizeof *state - have);
#ifdef ZOO_LOADS_CUT
    if (got == 0) break;
#endif
    if (got <= 0) {
      free(state);
      return TONUS_ERROR;
    }
    have += (size_t)got;
  }
  *out = state;
  return TONUS_OK;
#endif
}

static const tonus_detector kDetectors[] = {{sizeof(tonus_detector),
                                             0,
                                             S("org.tonus.test." ZOO_NAME),
                                             S(ZOO_NAME),
                                             S("1.0.0"),
                                             S("tonus"),
                                             S(""),
                                             ARRAY(kParams),
                                             ARRAY(kInputs),
#ifdef ZOO_NO_CONDITION
                                             {0, 0, 0},
#else
                                             ARRAY(kConditions),
#endif
                                             1,
                                             1,
                                             64,
                                             0,
                                             0,
                                             zoo_open,
                                             zoo_close,
                                             zoo_begin,
                                             zoo_end,
#ifdef ZOO_NO_FUNCTION
                                             0,
#else
                                             zoo_on_event,
#endif
                                             zoo_on_timer,
                                             zoo_save,
                                             zoo_load,
                                             0}};

#ifdef ZOO_MAGIC
#define MAGIC 7u
#else
#define MAGIC TONUS_MAGIC
#endif
#ifndef ZOO_MAJOR
#define ZOO_MAJOR TONUS_ABI_MAJOR
#endif
#ifndef ZOO_MINOR
#define ZOO_MINOR TONUS_ABI_MINOR
#endif
#ifdef ZOO_SIZE
static const tonus_plugin kPlugin = {MAGIC, ZOO_SIZE, ZOO_MAJOR, ZOO_MINOR, ARRAY(kDetectors)};
#else
static const tonus_plugin kPlugin = {MAGIC, sizeof(tonus_plugin), ZOO_MAJOR, ZOO_MINOR,
                                     ARRAY(kDetectors)};
#endif

#ifdef ZOO_EXPORTS_MORE
TONUS_EXPORT int zoo_helper(void);
TONUS_EXPORT int zoo_helper(void) { return 1; }
#endif

#ifdef ZOO_SYMBOL
TONUS_EXPORT const tonus_plugin* tonus_plugin_v9(void);
TONUS_EXPORT const tonus_plugin* tonus_plugin_v9(void) { return &kPlugin; }
#elif defined(ZOO_NOTHING)
const tonus_plugin* tonus_plugin_v1(void) { return NULL; }
const tonus_plugin* zoo_unused(void);
const tonus_plugin* zoo_unused(void) { return &kPlugin; }
#else
const tonus_plugin* tonus_plugin_v1(void) { return &kPlugin; }
#endif
