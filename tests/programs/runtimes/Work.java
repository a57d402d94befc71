// SPDX-License-Identifier: MIT OR Apache-2.0
// The virtual machine's own memory and what its programs can ask of malloc: raw blocks that change
// threads, direct buffers, zlib's states, compiled and unloaded classes, child processes.
//
//   java Work.java ROUNDS    one line a round, always the same
import java.io.ByteArrayOutputStream;
import java.lang.reflect.Field;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import sun.misc.Unsafe;

public final class Work {
  static final int THREADS = 6;

  public static void main(String[] arguments) throws Exception {
    for (int round = 0; round < Integer.parseInt(arguments[0]); round++) {
      final long blocks = inThreads(round, Work::rawBlocks);
      final long buffers = inThreads(round, Work::directBuffers);
      final long streams = inThreads(round, Work::streams);
      final long children = inThreads(round, Work::children);
      System.out.printf("%d: blocks %x, buffers %x, streams %x, classes %x, children %x%n", round,
          blocks, buffers, streams, classes(round), children);
    }
  }

  interface Part {
    long run(Random choose, BlockingQueue<Long> from, BlockingQueue<Long> to) throws Exception;
  }

  // Threads in a ring: each has a queue to the next one. New threads each time.
  static long inThreads(int round, Part part) throws Exception {
    final List<BlockingQueue<Long>> queues = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) queues.add(new LinkedBlockingQueue<>());
    final List<Callable<Long>> tasks = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      final Random choose = new Random(1000L * round + i);
      final int mine = i;
      tasks.add(() -> part.run(choose, queues.get(mine), queues.get((mine + 1) % THREADS)));
    }
    final ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    long sum = 0;
    for (Future<Long> result : threads.invokeAll(tasks)) sum = 31 * sum + result.get();
    threads.shutdown();
    return sum;
  }

  static final Unsafe raw = raw();

  static Unsafe raw() {
    try {
      final Field field = Unsafe.class.getDeclaredField("theUnsafe");
      field.setAccessible(true);
      return (Unsafe) field.get(null);
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  static long size(Random choose, int least, int most) {
    return 1L << least + choose.nextInt(most - least) | choose.nextInt(1 << least);
  }

  // A block: its bytes, then as many bytes that follow from it. Half of them are freed by the next
  // thread, after it has grown them.
  static long rawBlocks(Random choose, BlockingQueue<Long> from, BlockingQueue<Long> to)
      throws Exception {
    final int rounds = 20_000;
    final long[] live = new long[500];
    long sum = 0;
    boolean ended = false;
    for (int i = 0; i < rounds; i++) {
      final int slot = choose.nextInt(live.length);
      if (live[slot] != 0) {
        sum += check(live[slot]);
        if (slot % 2 == 0) to.put(live[slot]);
        else raw.freeMemory(live[slot]);
      }
      final long bytes = size(choose, 4, choose.nextInt(100) == 0 ? 19 : 11);
      final long block = raw.allocateMemory(bytes);
      raw.putLong(block, bytes);
      raw.setMemory(block + 8, bytes - 8, (byte) bytes);
      live[slot] = block;
      for (Long other; !ended && (other = from.poll()) != null; ended = other == 0) grow(other);
    }
    for (long block : live) {
      if (block == 0) continue;
      sum += check(block);
      raw.freeMemory(block);
    }
    to.put(0L);
    for (; !ended; ended = grow(from.take()) == 0) {}
    return sum;
  }

  // Null ends the line of blocks.
  static long grow(long block) {
    if (block == 0) return 0;
    final long bytes = raw.getLong(block);
    final long grown = raw.reallocateMemory(block, 2 * bytes);
    check(grown);
    raw.freeMemory(grown);
    return grown;
  }

  static long check(long block) {
    final long bytes = raw.getLong(block);
    for (long i = 8; i < bytes; i++) {
      if (raw.getByte(block + i) != (byte) bytes) throw new AssertionError("contents changed");
    }
    return bytes;
  }

  static long directBuffers(Random choose, BlockingQueue<Long> from, BlockingQueue<Long> to) {
    long sum = 0;
    final ByteBuffer[] live = new ByteBuffer[20];
    for (int i = 0; i < 500; i++) {
      final ByteBuffer buffer = ByteBuffer.allocateDirect((int) size(choose, 6, 19));
      while (buffer.remaining() >= 8) buffer.putLong(i);
      final ByteBuffer old = live[i % live.length];
      if (old != null) sum = 31 * sum + old.getLong(old.capacity() / 2 & -8) + old.capacity();
      live[i % live.length] = buffer;
    }
    return sum;
  }

  static long streams(Random choose, BlockingQueue<Long> from, BlockingQueue<Long> to)
      throws Exception {
    final CRC32 sum = new CRC32();
    for (int i = 0; i < 30; i++) {
      final byte[] text = new byte[(int) size(choose, 8, 17)];
      for (int j = 0; j < text.length; j++) text[j] = (byte) ('a' + choose.nextInt(4));
      final Deflater deflater = new Deflater(1 + choose.nextInt(9));
      final byte[] packed = new byte[text.length + 100];
      deflater.setInput(text);
      deflater.finish();
      final int length = deflater.deflate(packed);
      deflater.end();
      final Inflater inflater = new Inflater();
      inflater.setInput(packed, 0, length);
      final byte[] back = new byte[text.length];
      if (inflater.inflate(back) != text.length) throw new AssertionError("text lost");
      inflater.end();
      sum.update(back);
      sum.update(packed, 0, length);
    }
    return sum.getValue();
  }

  // Compiles a class, loads it, has it run hot, and forgets it.
  static long classes(int round) throws Exception {
    final String text = "public final class Made implements java.util.function.LongUnaryOperator {"
        + " public long applyAsLong(long n) { long sum = " + round + "; for (long i = 0; i < n; i++)"
        + " sum = sum * 31 + (i ^ sum >>> 7) + Long.toString(i).length(); return sum; } }";
    final JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    final Map<String, ByteArrayOutputStream> made = new HashMap<>();
    final JavaFileManager files =
        new ForwardingJavaFileManager<>(compiler.getStandardFileManager(null, null, null)) {
          @Override
          public JavaFileObject getJavaFileForOutput(
              Location location, String name, JavaFileObject.Kind kind, FileObject sibling) {
            final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            made.put(name, bytes);
            return new SimpleJavaFileObject(URI.create("mem:///" + name), kind) {
              @Override
              public ByteArrayOutputStream openOutputStream() {
                return bytes;
              }
            };
          }
        };
    final JavaFileObject source =
        new SimpleJavaFileObject(URI.create("mem:///Made.java"), JavaFileObject.Kind.SOURCE) {
          @Override
          public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
          }
        };
    if (!compiler.getTask(null, files, null, null, null, List.of(source)).call()) {
      throw new AssertionError("not compiled");
    }
    final byte[] bytes = made.get("Made").toByteArray();
    final ClassLoader loader = new ClassLoader() {
      @Override
      protected Class<?> findClass(String name) {
        return defineClass(name, bytes, 0, bytes.length);
      }
    };
    final Object object = loader.loadClass("Made").getDeclaredConstructor().newInstance();
    return ((java.util.function.LongUnaryOperator) object).applyAsLong(200_000);
  }

  static long children(Random choose, BlockingQueue<Long> from, BlockingQueue<Long> to)
      throws Exception {
    long sum = 0;
    for (int i = 0; i < 3; i++) {
      final String word = Integer.toString(choose.nextInt());
      final Process child = new ProcessBuilder("/bin/echo", word).start();
      final String answer = new String(child.getInputStream().readAllBytes());
      if (child.waitFor() != 0 || !answer.equals(word + "\n")) throw new AssertionError(answer);
      sum = 31 * sum + answer.hashCode();
    }
    return sum;
  }
}
