package fastrcf.peer;

import com.amazon.randomcutforest.RandomCutForest;
import com.amazon.randomcutforest.returntypes.DiVector;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * One forest that obeys commands, a line each, fields separated by tabs.
 *
 * <pre>
 * build TREES SAMPLE DECAY SEED WIDTH FILE   a new forest that has taken the file's rows
 * insert FILE                                take the rows, in order
 * score FILE OUT                             score the rows; scores go to OUT
 * process FILE OUT                           score each row, then take it
 * attribution FILE OUT                       parts of the scores by column, low and high together
 * thresholded TREES SAMPLE SHINGLE SEED FILE OUT
 *                                            a thresholded forest of its own takes the float64
 *                                            series; grade and score of each value go to OUT
 * </pre>
 *
 * The answer is {@code ok WALL CPU} (nanoseconds of the work alone, without the files; CPU is the
 * time of the one thread that works) or {@code error MESSAGE}.
 */
public final class Peer {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private RandomCutForest forest;
    private int width;

    private Peer() {}

    /** Obeys until standard input ends. */
    public static void main(String[] arguments) throws IOException {
        var peer = new Peer();
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(peer.answer(line.split("\t")));
            System.out.flush();
        }
    }

    private String answer(String[] words) {
        try {
            return switch (words[0]) {
                case "build" -> build(words);
                case "insert" -> insert(rows(words[1]));
                case "score" -> score(rows(words[1]), Path.of(words[2]));
                case "process" -> process(rows(words[1]), Path.of(words[2]));
                case "attribution" -> attribution(rows(words[1]), Path.of(words[2]));
                case "thresholded" -> thresholded(words);
                default -> "error\tunknown command " + words[0];
            };
        } catch (IOException | RuntimeException e) {
            return "error\t" + e.toString().replaceAll("\\s+", " ");
        }
    }

    private float[][] rows(String file) throws IOException {
        return Rows.read(Path.of(file), width);
    }

    private String build(String[] words) throws IOException {
        width = Integer.parseInt(words[5]);
        forest =
                RandomCutForest.builder()
                        .numberOfTrees(Integer.parseInt(words[1]))
                        .sampleSize(Integer.parseInt(words[2]))
                        .timeDecay(Double.parseDouble(words[3]))
                        .randomSeed(Long.parseLong(words[4]))
                        .dimensions(width)
                        .shingleSize(1)
                        .internalShinglingEnabled(false)
                        .parallelExecutionEnabled(false)
                        .build();
        return insert(rows(words[6]));
    }

    private String insert(float[][] rows) {
        var clock = new Clock();
        for (float[] row : rows) {
            forest.update(row);
        }
        return clock.answer();
    }

    private String score(float[][] rows, Path out) throws IOException {
        double[] scores = new double[rows.length];
        var clock = new Clock();
        for (int i = 0; i < rows.length; i++) {
            scores[i] = forest.getAnomalyScore(rows[i]);
        }
        String answer = clock.answer();
        Rows.write(out, scores);
        return answer;
    }

    private String process(float[][] rows, Path out) throws IOException {
        double[] scores = new double[rows.length];
        var clock = new Clock();
        for (int i = 0; i < rows.length; i++) {
            scores[i] = forest.getAnomalyScore(rows[i]);
            forest.update(rows[i]);
        }
        String answer = clock.answer();
        Rows.write(out, scores);
        return answer;
    }

    private String attribution(float[][] rows, Path out) throws IOException {
        var parts = new DiVector[rows.length];
        var clock = new Clock();
        for (int i = 0; i < rows.length; i++) {
            parts[i] = forest.getAnomalyAttribution(rows[i]);
        }
        String answer = clock.answer();
        double[] sums = new double[rows.length * width];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = parts[i / width].getHighLowSum(i % width);
        }
        Rows.write(out, sums);
        return answer;
    }

    private String thresholded(String[] words) throws IOException {
        double[] values = Rows.series(Path.of(words[5]));
        var clock = new Clock();
        double[] answers =
                Thresholded.process(
                        values,
                        Integer.parseInt(words[1]),
                        Integer.parseInt(words[2]),
                        Integer.parseInt(words[3]),
                        Long.parseLong(words[4]));
        String answer = clock.answer();
        Rows.write(Path.of(words[6]), answers);
        return answer;
    }

    /** Wall and thread time since its making. */
    private static final class Clock {
        private final long wall = System.nanoTime();
        private final long cpu = THREADS.getCurrentThreadCpuTime();

        String answer() {
            return "ok\t"
                    + (System.nanoTime() - wall)
                    + "\t"
                    + (THREADS.getCurrentThreadCpuTime() - cpu);
        }
    }
}
