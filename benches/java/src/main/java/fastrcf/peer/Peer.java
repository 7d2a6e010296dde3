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
import java.util.function.Function;

/**
 * One forest that obeys commands, a line each, fields separated by tabs.
 *
 * <pre>
 * build TREES SAMPLE DECAY SEED WIDTH FILE   a new forest that has taken the file's rows
 * insert FILE                                take the rows, in order
 * score FILE OUT                             score the rows; scores go to OUT
 * process FILE OUT                           score each row, then take it
 * attribution FILE OUT                       parts of the scores by column, low and high together
 * warm WORK FILE NANOSECONDS                 repeat one of these works until its time stays
 * thresholded TREES SAMPLE SHINGLE SEED FILE OUT
 *                                            a thresholded forest of its own takes the float64
 *                                            series; grade and score of each value go to OUT
 * </pre>
 *
 * The answer is {@code ok WALL CPU} (nanoseconds of the work alone, without the files; CPU is the
 * time of the one thread that works) or {@code error MESSAGE}; {@code warm} says beside it how
 * often it has repeated the work, and whether its time stayed (1 or 0).
 */
public final class Peer {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final double[] NOTHING = {};

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
            if (words[0].equals("build")) {
                return build(words).said();
            }
            if (words[0].equals("warm")) {
                var warmUp = new WarmUp(rows(words[2]));
                return warmUp.run(work(words[1]), Long.parseLong(words[3]));
            }
            if (words[0].equals("thresholded")) {
                Timed timed = thresholded(words);
                Rows.write(Path.of(words[6]), timed.answer());
                return timed.said();
            }
            Timed timed = work(words[0]).apply(rows(words[1]));
            if (words.length > 2) {
                Rows.write(Path.of(words[2]), timed.answer());
            }
            return timed.said();
        } catch (IOException | RuntimeException e) {
            return "error\t" + e.toString().replaceAll("\\s+", " ");
        }
    }

    private Function<float[][], Timed> work(String name) {
        return switch (name) {
            case "insert" -> this::insert;
            case "score" -> this::score;
            case "process" -> this::process;
            case "attribution" -> this::attribution;
            default -> throw new IllegalArgumentException("unknown command " + name);
        };
    }

    private float[][] rows(String file) throws IOException {
        return Rows.read(Path.of(file), width);
    }

    private Timed build(String[] words) throws IOException {
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

    private Timed insert(float[][] rows) {
        var clock = new Clock();
        for (float[] row : rows) {
            forest.update(row);
        }
        return clock.stop(NOTHING);
    }

    private Timed score(float[][] rows) {
        double[] scores = new double[rows.length];
        var clock = new Clock();
        for (int i = 0; i < rows.length; i++) {
            scores[i] = forest.getAnomalyScore(rows[i]);
        }
        return clock.stop(scores);
    }

    private Timed process(float[][] rows) {
        double[] scores = new double[rows.length];
        var clock = new Clock();
        for (int i = 0; i < rows.length; i++) {
            scores[i] = forest.getAnomalyScore(rows[i]);
            forest.update(rows[i]);
        }
        return clock.stop(scores);
    }

    private Timed attribution(float[][] rows) {
        var parts = new DiVector[rows.length];
        double[] sums = new double[rows.length * width];
        var clock = new Clock();
        for (int i = 0; i < rows.length; i++) {
            parts[i] = forest.getAnomalyAttribution(rows[i]);
        }
        Timed timed = clock.stop(sums);
        for (int i = 0; i < sums.length; i++) {
            sums[i] = parts[i / width].getHighLowSum(i % width);
        }
        return timed;
    }

    private Timed thresholded(String[] words) throws IOException {
        double[] values = Rows.series(Path.of(words[5]));
        var clock = new Clock();
        double[] answers =
                Thresholded.process(
                        values,
                        Integer.parseInt(words[1]),
                        Integer.parseInt(words[2]),
                        Integer.parseInt(words[3]),
                        Long.parseLong(words[4]));
        return clock.stop(answers);
    }

    /** Wall and thread time since its making. */
    private static final class Clock {
        private final long wall = System.nanoTime();
        private final long cpu = THREADS.getCurrentThreadCpuTime();

        Timed stop(double[] answer) {
            long worked = THREADS.getCurrentThreadCpuTime() - cpu;
            return new Timed(System.nanoTime() - wall, worked, answer);
        }
    }
}
