import Telemetry
import Testing

@Suite struct ExpositionTests {
    @Test func writesFamiliesOnceAndEscapesLabels() {
        let registry = Registry()
        registry.counter("m3agg_test_dropped_total", help: "Dropped.", labels: [("reason", "a\"b\\c\nd")]).add(3)
        registry.counter("m3agg_test_dropped_total", help: "Dropped.", labels: [("reason", "late")]).add()
        registry.gauge("m3agg_test_series", help: "Live series.").set(-2)
        registry.onScrape { [.init("m3agg_test_open", help: "Open.", kind: .gauge, value: 1.5)] }
        #expect(
            registry.exposition() == """
                # HELP m3agg_test_dropped_total Dropped.
                # TYPE m3agg_test_dropped_total counter
                m3agg_test_dropped_total{reason="a\\"b\\\\c\\nd"} 3
                m3agg_test_dropped_total{reason="late"} 1
                # HELP m3agg_test_open Open.
                # TYPE m3agg_test_open gauge
                m3agg_test_open 1.5
                # HELP m3agg_test_series Live series.
                # TYPE m3agg_test_series gauge
                m3agg_test_series -2

                """)
    }

    @Test func histogramBucketsAreCumulative() {
        let registry = Registry()
        let histogram = registry.histogram("m3agg_test_seconds", help: "Time.", bounds: [0.1, 1])
        for value in [0.05, 0.1, 0.5, 7] { histogram.observe(value) }
        #expect(
            registry.exposition() == """
                # HELP m3agg_test_seconds Time.
                # TYPE m3agg_test_seconds histogram
                m3agg_test_seconds_bucket{le="0.1"} 2
                m3agg_test_seconds_bucket{le="1"} 3
                m3agg_test_seconds_bucket{le="+Inf"} 4
                m3agg_test_seconds_sum 7.65
                m3agg_test_seconds_count 4

                """)
    }

    @Test func sameNameAndLabelsGiveTheSameInstrument() {
        let registry = Registry()
        registry.counter("m3agg_a_total", help: "A.", labels: [("k", "v")]).add(2)
        registry.counter("m3agg_a_total", help: "A.", labels: [("k", "v")]).add(3)
        registry.counter("m3agg_a_total", help: "A.", labels: [("k", "w")]).add(10)
        #expect(registry.value("m3agg_a_total", labels: [("k", "v")]) == 5)
        #expect(registry.value("m3agg_a_total") == 15)
    }
}
