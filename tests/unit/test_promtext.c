/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_promtext: the text format of Prometheus: names, labels, numbers, histograms. */
#include "unit.h"

#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/promtext.h"

/* Compares what was written, and forgets it. */
static void says(struct buffer *out, const char *wanted)
{
    assert_string_equal(out->bytes, wanted);
    buffer_free(out);
}

static void value_says(double value, const char *wanted)
{
    struct buffer out = {0};
    promtext_sample(&out, "m", NULL, value);
    says(&out, wanted);
}

static void a_family_begins_with_help_and_type(void **state)
{
    (void)state;
    struct buffer out = {0};
    promtext_family(&out, "jobs_total", PROMTEXT_COUNTER, "Jobs \"done\", back\\slash,\nnew line.");
    promtext_family(&out, "jobs", PROMTEXT_GAUGE, "Jobs.");
    promtext_family(&out, "wait_seconds", PROMTEXT_HISTOGRAM, "Waits.");
    says(&out, "# HELP jobs_total Jobs \"done\", back\\\\slash,\\nnew line.\n"
               "# TYPE jobs_total counter\n"
               "# HELP jobs Jobs.\n# TYPE jobs gauge\n"
               "# HELP wait_seconds Waits.\n# TYPE wait_seconds histogram\n");
}

static void labels_are_escaped(void **state)
{
    (void)state;
    struct buffer out = {0};
    const struct promtext_label labels[] = {
        {"model", "a\"b\\c\nd"}, {"gate", "\xc3\xa4\xff!\xc3"}, {"empty", ""}, {NULL, NULL}};
    promtext_sample(&out, "m", labels, 1);
    says(&out,
         "m{model=\"a\\\"b\\\\c\\nd\",gate=\"\xc3\xa4\xEF\xBF\xBD!\xEF\xBF\xBD\",empty=\"\"} 1\n");
    promtext_sample(&out, "m", &labels[3], 1);
    says(&out, "m 1\n");
}

static void numbers_are_short_and_exact(void **state)
{
    (void)state;
    value_says(0, "m 0\n");
    value_says(-3, "m -3\n");
    value_says(0.1, "m 0.1\n");
    value_says(0.000125, "m 0.000125\n");
    value_says(1795678901.234, "m 1795678901.234\n");
    value_says(9007199254740991, "m 9007199254740991\n");
    value_says(1e22, "m 1e+22\n");
    value_says(NAN, "m NaN\n");
    value_says(INFINITY, "m +Inf\n");
    value_says(-INFINITY, "m -Inf\n");
}

/* tests/e2e/metrics.bats runs this in a locale with a comma that it makes. */
static void a_locale_changes_nothing(void **state)
{
    (void)state;
    if (setlocale(LC_ALL, "") == NULL || strcmp(localeconv()->decimal_point, ",") != 0)
        skip();
    value_says(1234567.5, "m 1234567.5\n");
    setlocale(LC_ALL, "C");
}

static void a_histogram_is_cumulative(void **state)
{
    (void)state;
    static const struct buckets_scale scale = {1000, 2, {5, 2500}};
    const struct promtext_label labels[] = {{"model", "m"}, {NULL, NULL}};
    struct buffer out = {0};
    struct buckets buckets = {0};
    promtext_histogram(&out, "t_seconds", NULL, &scale, &buckets);
    says(&out, "t_seconds_bucket{le=\"0.005\"} 0\nt_seconds_bucket{le=\"2.5\"} 0\n"
               "t_seconds_bucket{le=\"+Inf\"} 0\nt_seconds_sum 0\nt_seconds_count 0\n");
    buckets_add(&buckets, &scale, 5);
    buckets_add(&buckets, &scale, 6);
    buckets_add(&buckets, &scale, 100);
    buckets_add(&buckets, &scale, 9000);
    promtext_histogram(&out, "t_seconds", labels, &scale, &buckets);
    says(&out, "t_seconds_bucket{model=\"m\",le=\"0.005\"} 1\n"
               "t_seconds_bucket{model=\"m\",le=\"2.5\"} 3\n"
               "t_seconds_bucket{model=\"m\",le=\"+Inf\"} 4\n"
               "t_seconds_sum{model=\"m\"} 9.111\nt_seconds_count{model=\"m\"} 4\n");
}

static void a_label_goes_on_every_sample(void **state)
{
    (void)state;
    struct buffer text = {0}, out = {0};
    const struct promtext_label labels[] = {{"model", "{ }"}, {NULL, NULL}};
    promtext_family(&text, "jobs", PROMTEXT_GAUGE, "Jobs {all}.");
    promtext_sample(&text, "jobs", NULL, 2);
    promtext_sample(&text, "jobs", labels, 1);
    promtext_label_all(&out, &text, "spool", "a\"b");
    says(&out, "# HELP jobs Jobs {all}.\n# TYPE jobs gauge\njobs{spool=\"a\\\"b\"} 2\n"
               "jobs{spool=\"a\\\"b\",model=\"{ }\"} 1\n");
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_begins_with_help_and_type),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(numbers_are_short_and_exact),
        cmocka_unit_test(a_locale_changes_nothing),
        cmocka_unit_test(a_histogram_is_cumulative),
        cmocka_unit_test(a_label_goes_on_every_sample),
    };
    return UNIT_RUN(tests);
}
