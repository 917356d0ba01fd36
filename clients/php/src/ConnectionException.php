<?php

declare(strict_types=1);

namespace Fantail;

/** The server cannot be reached, does not answer in time, or closed the connection. */
final class ConnectionException extends ControlException
{
}
