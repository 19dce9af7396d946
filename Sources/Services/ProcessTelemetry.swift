import FoundationEssentials
import Glibc
import Telemetry

/// What Prometheus clients tell of their process.
enum ProcessTelemetry {
    static var processID: Int32 { getpid() }

    static func register(in registry: Registry) {
        let start = Double(WallClock.nowNanos()) / 1e9
        registry.onScrape {
            var samples = [
                Registry.Sample(
                    "process_cpu_seconds_total", help: "User and system CPU time.", kind: .counter, value: cpuSeconds()),
                Registry.Sample(
                    "process_start_time_seconds", help: "Start, seconds since 1970.", kind: .gauge, value: start),
            ]
            if let bytes = residentBytes() {
                samples.append(
                    Registry.Sample(
                        "process_resident_memory_bytes", help: "Resident memory.", kind: .gauge, value: bytes))
            }
            return samples
        }
    }

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    private static func residentBytes() -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Double(fields[1]) else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }
}
